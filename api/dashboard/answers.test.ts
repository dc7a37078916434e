import { afterAll, beforeAll, expect, test } from 'vitest'
import Schema from 'typebox/schema'
import { SAMPLES } from '../../test/browser/sample-answers.ts'
import { GatewayFixture } from '../testing/gateway-fixture.ts'

interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, { readonly schema: object }>> }>> }>>>>
}

let fixture: GatewayFixture
let openApi: OpenApi

beforeAll(async () => {
  fixture = await GatewayFixture.create()
  openApi = (await fixture.server.inject('/openapi.json')).json()
})
afterAll(() => fixture.server.close())

test.each(SAMPLES.map(([call, answer]) => ({ call, answer })))('what the pages are tested with is what $call answers', ({ call, answer }) => {
  const path = `/api/v1${call.replace('GET ', '').replace(/^\/trades\/[^/]+/, '/trades/{id}')}`
  const schema = openApi.paths[path]?.['get']?.responses['200']?.content?.['application/json']?.schema
  if (schema === undefined) throw new Error(`the gateway has no GET ${path}`)
  const [isRight, errors] = Schema.Errors(schema, JSON.parse(JSON.stringify(answer)))
  expect(errors).toEqual([])
  expect(isRight).toBe(true)
})
