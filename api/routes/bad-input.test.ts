import fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import { GatewayFixture } from '../testing/gateway-fixture.ts'

interface Parameter {
  readonly name: string
  readonly in: 'path' | 'query' | 'header'
}

interface Operation {
  readonly method: string
  readonly path: string
  readonly operationId: string
  readonly parameters: readonly Parameter[]
  readonly hasBody: boolean
  readonly statuses: readonly number[]
}

const at = await GatewayFixture.create()
afterAll(() => at.server.close())
const operations = await documented()

/** Texts that mean something to somebody: to SQL, to MongoDB, to JSON, to paths, to terminals. */
const MEANT = ["' OR 1=1--", '{"$ne":null}', '$where', '[$gt]', '__proto__', 'constructor', '../../etc/passwd', '%00', '\u0000', '\ud800', '\ufeff', '🚢', '-1', '0', '1e309', '9007199254740993', 'NaN', 'true', 'null', '[]', '{}', '', ' ', '\r\nx: y', 'a'.repeat(1_100), '0-0', '1.2~3', 'read-your-write; request=x', 'bnVsbA', 'WyJcdTAwMDAiXQ']
const text = fc.oneof(fc.constantFrom(...MEANT), fc.string({ unit: 'binary', maxLength: 60 }), fc.string({ unit: 'grapheme', maxLength: 60 }), fc.bigInt().map(String))
const body = fc.oneof(
  fc.json({ noUnicodeString: false }),
  text,
  fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
  fc.record({ confirm: fc.oneof(fc.constant(true), fc.jsonValue()), value_text: text, value_base64: text }, { requiredKeys: [] }).map((value) => JSON.stringify(value)),
)

test.each(operations.map((operation): [string, Operation] => [operation.operationId, operation]))('%s: whatever is sent, the answer is documented, and a problem is a problem document', async (_, operation) => {
  await fc.assert(
    fc.asyncProperty(fc.array(text, { minLength: operation.parameters.length, maxLength: operation.parameters.length }), fc.infiniteStream(fc.boolean()), body, async (values, isGiven, payload) => {
      // A stream that begins does not end, so none begins.
      const parameters = operation.parameters.filter(({ name }) => name !== 'last-event-id')
      const given = parameters.map((parameter, index) => ({ ...parameter, value: values[index] ?? '' })).filter((parameter) => parameter.in === 'path' || isGiven.next().value)
      const query = given.filter((parameter) => parameter.in === 'query' && parameter.name !== 'last_event_id').map(({ name, value }) => `${name}=${encoded(value)}`)
      if (operation.operationId === 'streamEvents') query.push('last_event_id=none')
      const path = given.filter((parameter) => parameter.in === 'path').reduce((url, { name, value }) => url.replace(`{${name}}`, encoded(value)), operation.path)
      const headers = Object.fromEntries(given.filter((parameter) => parameter.in === 'header').map(({ name, value }) => [name, headerText(value)]))
      const answer = await at.server.inject({
        method: operation.method as 'GET', // as documented
        url: `${path}?${query.join('&')}`,
        headers: { ...headers, ...(operation.hasBody && { 'content-type': 'application/json' }) },
        ...(operation.hasBody && { payload }),
      })
      expect(at.unexpected).toEqual([])
      // Without the text of a parameter the path is that of another call, or of none; with too much of it, it is too long.
      const statuses = [...operation.statuses, ...(operation.path.includes('{') ? [400, 404, 414] : [400])]
      expect(statuses).toContain(answer.statusCode)
      if (answer.statusCode >= 400) expect([answer.headers['content-type'], answer.json().status]).toEqual(['application/problem+json', answer.statusCode])
    }),
    { numRuns: 60 },
  )
})

async function documented(): Promise<Operation[]> {
  const { paths } = (await at.server.inject({ url: '/openapi.json' })).json<{ paths: Record<string, Record<string, { operationId: string; parameters?: Parameter[]; requestBody?: object; responses: object }>> }>()
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { operationId, parameters = [], requestBody, responses }]) => ({
      method: method.toUpperCase(),
      path,
      operationId,
      parameters,
      hasBody: requestBody !== undefined,
      statuses: Object.keys(responses).map(Number),
    })),
  )
}

function encoded(value: string): string {
  return encodeURIComponent(value.toWellFormed())
}

/** Other bytes Node would not send. */
function headerText(value: string): string {
  return value.replace(/[^\t\x20-\x7e\x80-\xff]/g, '?')
}
