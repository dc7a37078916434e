import fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import { TRADE_TOPICS } from '../../topology/trade-topics.ts'
import { GatewayFixture, TRADE } from '../testing/gateway-fixture.ts'

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

const TEXT = JSON.stringify(TRADE)
const withField = (json: string) => Buffer.from(`${TEXT.slice(0, -1)},${json}}`)

test.each<[string, Buffer, 202 | 400]>([
  ['a NUL in a string', Buffer.from(TEXT.replace('"B1"', '"B\\u00001"')), 400],
  ['a NUL as a byte', Buffer.from(TEXT.replace('B1', 'B\u00001')), 400],
  ['a NUL deep in an unknown field', withField('"more":[{"deep":"\\u0000"}]'), 400],
  ['an unpaired surrogate', withField('"note":"\\ud800"'), 400],
  ['a pair of surrogates', withField('"note":"\\ud83d\\udea2"'), 202],
  ['bytes that are no UTF-8', Buffer.concat([Buffer.from('{"trade_id":"'), Buffer.from([0xc3, 0x28]), Buffer.from(TEXT.slice(15))]), 400],
  ['an overlong form of a slash', Buffer.concat([Buffer.from('{"trade_id":"'), Buffer.from([0xc0, 0xaf]), Buffer.from(TEXT.slice(15))]), 400],
  ['a byte order mark', Buffer.from(`\ufeff${TEXT}`), 400],
  ['letters from right to left, and joined ones', withField('"note":"\u202eabc\u202c 👩‍👩‍👧‍👦 Z\u0351\u036b"'), 202],
  ['a version beyond 2^53', Buffer.from(TEXT.replace('"version":1', '"version":9007199254740993')), 400],
  ['a version that only looks like 1', Buffer.from(TEXT.replace('"version":1', '"version":1.0000000000000000000000001')), 400],
  ['a version beyond any number', Buffer.from(TEXT.replace('"version":1', '"version":1e400')), 400],
  ['numbers beyond 2^53 in unknown fields', withField('"notional":9007199254740993,"price":0.1234567890123456789012345,"huge":1e400'), 202],
  ['a known field twice', withField('"version":2'), 400],
  ['a known field twice, once in escapes', withField('"v\\u0065rsion":2'), 400],
  ['two names of the counterparty that differ', withField('"counter_party_id":"CP-2"'), 400],
  ['an unknown field twice', withField('"note":1,"note":2'), 202],
  ['operators of MongoDB as fields', withField('"$where":"sleep(1000)","$set":{"$ne":null},"a.b":1'), 202],
  ['an operator of MongoDB as an id', Buffer.from(TEXT.replace('"T1"', '{"$ne":""}')), 400],
  ['names that mean something to JavaScript', withField('"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}'), 202],
  ['SQL in an id', Buffer.from(TEXT.replace('"B1"', JSON.stringify("'; DROP TABLE trades; --"))), 202],
  ['nesting without end', withField(`"deep":${'['.repeat(100_000)}${']'.repeat(100_000)}`), 400],
  ['a text that breaks off', Buffer.from(TEXT.slice(0, -1)), 400],
  ['two trades in one', Buffer.from(`${TEXT}${TEXT}`), 400],
])('a trade with %s is judged the same alone, in a batch and in place of a dead letter: as it is, or not at all', async (_, bytes, status) => {
  at.reset()
  const post = (url: string, payload: Buffer, type = 'application/json') => at.server.inject({ method: 'POST', url: `/api/v1/${url}`, headers: { 'content-type': type }, payload })
  const alone = await post('trades', bytes)
  const batch = await post('trades:batch', Buffer.concat([bytes, Buffer.from('\n')]), 'application/x-ndjson')
  at.cluster.write(TRADE_TOPICS.deadLetter, 1, { key: 'T1', value: 'x', timestamp: 1, headers: { '__streams.errors.topic': TRADE_TOPICS.ingested, '__streams.errors.partition': '1', '__streams.errors.offset': '0' } })
  const mended = await post('dead-letters/1-0/replay', Buffer.from(JSON.stringify({ confirm: true, value_base64: bytes.toString('base64') })))
  expect([alone.statusCode, JSON.parse(batch.body.split('\n')[0] ?? '').status, mended.statusCode], alone.body + mended.body).toEqual([status, status, status])
  if (status === 400) expect([alone.headers['content-type'], alone.json().errors.length > 0]).toEqual(['application/problem+json', true])
  // Byte by byte what was sent, or nothing.
  expect(at.sent.map(({ value }) => Buffer.from(value ?? []).equals(bytes))).toEqual(status === 202 ? [true, true, true] : [])
  expect([at.unexpected, ({} as Record<string, unknown>)['polluted']]).toEqual([[], undefined]) // of every object
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
