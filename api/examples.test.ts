import Schema from 'typebox/schema'
import { afterAll, expect, test } from 'vitest'
import { examplesOf, type OpenApi, pastedCalls } from '../test/support/openapi-examples.ts'
import { GatewayFixture } from './testing/gateway-fixture.ts'

const at = await GatewayFixture.create()
afterAll(() => at.server.close())
const api = (await at.server.inject('/openapi.json')).json<OpenApi>()
const examples = examplesOf(api)

test('every example is as its schema says', () => {
  const wrong = examples.flatMap(({ place, schema, value }) => {
    const [isRight, errors] = Schema.Errors(schema, value)
    return isRight ? [] : [{ place, value, errors }]
  })
  expect(wrong).toEqual([])
  expect(examples.length).toBeGreaterThan(50)
})

test('the answers to those who write and ask for trades have examples', () => {
  const places = examples.map(({ place }) => place)
  for (const place of ['postTrade 201', 'postTrade 202', 'deleteTrade 202', 'getTrade 200', 'getRequest 200', 'listTrades 200', 'postTrades 207']) expect(places).toContain(`${place} application/json`)
})

test('every call can be pasted together from examples, and is taken', async () => {
  for (const { name, method, path, headers, body, statuses, operationId } of pastedCalls(api)) {
    // A stream without an end.
    if (operationId === 'streamEvents') continue
    const answer = await at.server.inject({ method: method as 'GET', url: path, headers, ...(body !== undefined && { payload: body }) }) // as documented
    expect(statuses, name).toContain(answer.statusCode)
    expect([400, 415, 422, 500], `${name}: ${answer.body}`).not.toContain(answer.statusCode)
  }
})
