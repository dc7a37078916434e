import { afterAll, beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { KafkaAwayError } from '../../ports/kafka-client.ts'
import { ByteView } from '../../records/byte-view.ts'
import { murmur2, partitionOf } from '../../records/murmur2.ts'
import { TRADE_TOPICS } from '../../topology/trade-topics.ts'
import { GatewayFixture, JSON_TYPE, TRADE } from '../testing/gateway-fixture.ts'
import type { LetterRecord } from '../testing/live-cluster.ts'

const at = await GatewayFixture.create()
beforeEach(() => at.reset())
afterAll(() => at.server.close())

const { deadLetter, ingested, processed } = TRADE_TOPICS

function refused(n: number, more: Partial<LetterRecord> = {}): LetterRecord {
  const headers = { 'request-id': 'the first', traceparent: 'x', '__streams.errors.exception': 'InvalidTrade', '__streams.errors.message': 'no JSON', '__streams.errors.topic': ingested, '__streams.errors.partition': '1', '__streams.errors.offset': String(n) }
  return { key: `T${n}`, value: `{"n":${n}`, timestamp: 1_000 + n, headers, ...more }
}

const get = async (path: string) => (await at.server.inject({ url: `/api/v1/dead-letters${path}` })).json()
const replay = (id: string, body: unknown = { confirm: true }, headers: Record<string, string> = {}) =>
  at.server.inject({ method: 'POST', url: `/api/v1/dead-letters/${id}/replay`, headers: { ...JSON_TYPE, ...headers }, payload: typeof body === 'string' ? body : JSON.stringify(body) })

test('a dead letter: where it came from and why, its bytes and headers', async () => {
  at.cluster.write(deadLetter, 1, refused(7), { ...refused(8), key: Buffer.from([0xff]), value: Buffer.from([0xfe, 0]) })
  const { items, next } = await get('')
  expect(next).toBeNull()
  expect(items[1]).toEqual({
    id: '1-0',
    timestamp: '1970-01-01T00:00:01.007Z',
    trade_id: 'T7',
    key_base64: 'VDc=',
    value_base64: Buffer.from('{"n":7').toString('base64'),
    value_text: '{"n":7',
    headers: expect.arrayContaining([{ key: 'traceparent', value: 'x' }]),
    error: { exception: 'InvalidTrade', message: 'no JSON', topic: ingested, partition: 1, offset: 7 },
    dropped: [],
    replayable: true,
    replays: [],
  })
  expect(await get('/1-0')).toEqual(items[1])
  for (const id of ['1-2', '0-0', '77-0']) expect(await get(`/${id}`), id).toMatchObject({ status: 404, type: 'urn:tradewind:problem:not-found' })
  expect(await get('/1')).toMatchObject({ status: 400 })
  expect(items[0]).toMatchObject({ id: '1-1', trade_id: null, key_base64: '/w==', value_base64: '/gA=', value_text: null })
})

test('of a sink: with the headers of Kafka Connect; it is not to be sent again', async () => {
  at.cluster.write(deadLetter, 0, { key: 'T1', timestamp: 1, headers: { '__connect.errors.topic': processed, '__connect.errors.partition': '2', '__connect.errors.offset': '9', '__connect.errors.exception.class.name': 'SinkPoisonError', '__connect.errors.exception.message': 'too long', '__connect.errors.value.dropped': 'true' } })
  const { items } = await get('')
  expect(items[0]).toMatchObject({ value_base64: null, value_text: null, dropped: ['value'], replayable: false, error: { exception: 'SinkPoisonError', message: 'too long', topic: processed, partition: 2, offset: 9 } })
  const answer = await replay('0-0')
  expect([answer.statusCode, answer.json().type]).toEqual([409, 'urn:tradewind:problem:not-replayable'])
  expect(at.sent).toEqual([])
})

test('a timestamp that is no date', async () => {
  at.cluster.write(deadLetter, 0, refused(1, { timestamp: -1 }), refused(2, { timestamp: 9e15 }))
  expect((await get('')).items.map(({ timestamp }: { timestamp: string }) => timestamp)).toEqual(['+275760-09-13T00:00:00.000Z', '1970-01-01T00:00:00.000Z'])
  expect(at.unexpected).toEqual([])
})

test('page by page, the newest first, each once, over gaps that transactions leave', async () => {
  const expected: string[] = []
  for (let n = 0; n < 60; n++) {
    const partition = n % 3 === 0 ? 1 : 0
    at.cluster.write(deadLetter, partition, refused(n))
    expected.unshift(`T${n}`)
    if (n === 30) {
      // Some hundred offsets without a letter.
      for (let lost = 0; lost < 300; lost++) at.cluster.model.log(deadLetter, 0).writeOpen([{ key: 'LOST', value: 'x' }], 9)
      at.cluster.model.log(deadLetter, 0).endTransaction(9, false)
    }
  }
  const found: string[] = []
  for (let path = '?limit=7'; ; ) {
    const { items, next } = await get(path)
    found.push(...items.map(({ trade_id: id }: { trade_id: string }) => id))
    if (next === null) break
    expect(items.length).toBe(7)
    path = `?limit=7&cursor=${next}`
    // What comes meanwhile is on no later page.
    at.cluster.write(deadLetter, 0, refused(1_000))
  }
  expect(found).toEqual(expected)
})

test('a page ends where it is large enough', async () => {
  for (let n = 0; n < 12; n++) at.cluster.write(deadLetter, 0, refused(n, { value: 'x'.repeat(1_000_000) }))
  const { items, next } = await get('?limit=50')
  expect(items.length).toBe(8)
  expect((await get(`?limit=50&cursor=${next}`)).items.length).toBe(4)
})

test('a page reads no more than it holds, and a little, however large the letters are', async () => {
  for (let n = 0; n < 60; n++) at.cluster.write(deadLetter, n % 2, refused(n, { value: 'x'.repeat(1_000_000) }))
  let read = 0
  const copy = vi.spyOn(ByteView.prototype, 'copy').mockImplementation(function (this: ByteView) {
    read += this.end - this.start
    return Buffer.from(this.buffer.subarray(this.start, this.end))
  })
  onTestFinished(() => copy.mockRestore())
  const found: string[] = []
  for (let path = '?limit=200'; ; ) {
    read = 0
    const { items, next } = await get(path)
    expect(read).toBeLessThan(40_000_000)
    found.push(...items.map(({ trade_id: id }: { trade_id: string }) => id))
    if (next === null) break
    path = `?limit=200&cursor=${next}`
  }
  expect(found).toEqual(Array.from({ length: 60 }, (_, n) => `T${59 - n}`))
})

test('what retention takes away while a page is read is no fault of ours: once again, and 503 then', async () => {
  for (let n = 0; n < 5; n++) at.cluster.write(deadLetter, 0, refused(n))
  let times = 1
  const { fetcher } = at.cluster.model
  at.cluster.model.fetcher = (options) => {
    const own = fetcher.call(at.cluster.model, options)
    if (times-- > 0) own.take = () => ({ kind: 'failure', topic: deadLetter, partition: 0, reason: 'offset-out-of-range', message: 'it is gone' })
    return own
  }
  expect((await get('')).items.length).toBe(5)
  times = 9
  const answer = await at.server.inject({ url: '/api/v1/dead-letters' })
  expect([answer.statusCode, at.unexpected]).toEqual([503, []])
})

test('sent again as it was: to its topic, by its key, with its own headers and a new request id; who did it is recorded', async () => {
  at.cluster.write(deadLetter, 1, refused(7))
  const answer = await replay('1-0')
  const { request_id: id } = answer.json()
  expect([answer.statusCode, answer.headers['location'], answer.json().status]).toEqual([202, `/api/v1/requests/${id}`, 'PENDING'])
  const key = Buffer.from('T7')
  expect(at.sent).toMatchObject([{ topic: ingested, partition: partitionOf(murmur2(key, 0, key.length), 12), key, value: Buffer.from('{"n":7') }])
  expect(at.sent[0]?.headers).toEqual([['request-id', id], ['traceparent', Buffer.from('x')]])
  expect(at.events.recordedEvents).toMatchObject([{ eventType: 'DEAD_LETTER_REPLAYED', tradeId: 'T7', data: { dead_letter: '1-0', by: 'anonymous', edited: false, request_id: id } }])
  expect((await get('')).items[0].replays).toEqual([{ at: new Date(at.clock.now()).toISOString(), by: 'anonymous', edited: false, request_id: id }])
})

test('sent again with another value, which has to be the trade of its key', async () => {
  at.cluster.write(deadLetter, 0, refused(1))
  const text = JSON.stringify(TRADE)
  expect((await replay('0-0', { value_text: text, confirm: true })).statusCode).toBe(202)
  expect((await replay('0-0', { value_base64: Buffer.from(text).toString('base64'), confirm: true, again: true })).statusCode).toBe(202)
  expect(at.sent.map(({ value }) => value?.toString())).toEqual([text, text])
  expect(at.events.recordedEvents.map(({ data }) => data['edited'])).toEqual([true, true])
  const another = await replay('0-0', { value_text: text.replace('T1', 'T2'), confirm: true })
  expect([another.statusCode, another.json().errors]).toEqual([400, [{ pointer: '/value_text', detail: 'trade_id: not the key of the record' }]])
  const faulty = await replay('0-0', { value_text: '{}', confirm: true })
  expect(faulty.json().errors[0]).toEqual({ pointer: '/value_text', detail: 'trade_id: not there, expected a string of 1 to 50 code points' })
})

test('a delete, and a record without a key', async () => {
  const { headers = {} } = refused(1)
  at.cluster.write(deadLetter, 0, { key: 'x'.repeat(60), timestamp: 1, headers }, { value: JSON.stringify(TRADE), timestamp: 2, headers })
  await replay('0-0')
  await replay('0-1')
  await replay('0-1', { value_text: JSON.stringify(TRADE), confirm: true, again: true })
  expect(at.sent.map(({ key, value, partition }) => [key?.toString(), value === undefined, partition])).toEqual([
    ['x'.repeat(60), true, expect.any(Number)],
    [undefined, false, 1],
    ['T1', false, expect.any(Number)],
  ])
})

test('a letter without the value of its record needs one', async () => {
  at.cluster.write(deadLetter, 0, { key: 'T1', timestamp: 1, headers: { ...refused(1).headers, 'tradewind.dropped': 'value,headers' } })
  const answer = await replay('0-0')
  expect([answer.statusCode, answer.json().detail]).toEqual([409, expect.stringContaining('goes without the value')])
  expect((await replay('0-0', { value_text: JSON.stringify(TRADE), confirm: true })).statusCode).toBe(202)
})

test('a retry under an idempotency key is one replay', async () => {
  at.cluster.write(deadLetter, 0, refused(1))
  const headers = { 'idempotency-key': 'r1' }
  const [first, again] = [await replay('0-0', { confirm: true }, headers), await replay('0-0', { confirm: true }, headers)]
  expect(again.json()).toEqual(first.json())
  expect(at.events.recordedEvents.length).toBe(1)
})

test('what was sent again before is not sent once more by accident', async () => {
  at.cluster.write(deadLetter, 0, refused(1))
  const { request_id: id } = (await replay('0-0')).json()
  const second = await replay('0-0', { confirm: true }, { 'idempotency-key': 'r2' })
  expect([second.statusCode, second.json().type, second.json().request_id]).toEqual([409, 'urn:tradewind:problem:replayed-before', id])
  expect(second.json().detail).toContain(`by anonymous at ${new Date(at.clock.now()).toISOString()}`)
  expect([at.sent.length, at.events.recordedEvents.length]).toEqual([1, 1])
  expect((await replay('0-0', { confirm: true, again: true }, { 'idempotency-key': 'r2' })).statusCode).toBe(202)
  expect([at.sent.length, (await get('')).items[0].replays.length]).toEqual([2, 2])
})

test('of two who send it again at the same time one does', async () => {
  at.cluster.write(deadLetter, 0, refused(1))
  const answers = await Promise.all([replay('0-0'), replay('0-0'), replay('0-0')])
  expect(answers.map(({ statusCode }) => statusCode).toSorted()).toEqual([202, 409, 409])
  expect([at.sent.length, at.events.recordedEvents.length]).toEqual([1, 1])
})

test('where Kafka did not take it, the retry under its key is the same replay', async () => {
  at.cluster.write(deadLetter, 0, refused(1))
  const headers = { 'idempotency-key': 'r3' }
  at.produce = async () => {
    throw new KafkaAwayError('no broker', false)
  }
  expect((await replay('0-0', { confirm: true }, headers)).statusCode).toBe(503)
  at.produce = async () => 1
  expect((await replay('0-0', { confirm: true }, headers)).statusCode).toBe(202)
  expect(at.events.recordedEvents.length).toBe(1)
})

test('where it cannot be recorded who did it, nothing is written', async () => {
  at.cluster.write(deadLetter, 0, refused(1))
  at.events.isAway = true
  expect([(await replay('0-0')).statusCode, at.sent.length]).toEqual([503, 0])
})

test('Kafka away is 503', async () => {
  at.cluster.ask = () => new Promise(() => {})
  const answer = at.server.inject({ url: '/api/v1/dead-letters' })
  await at.clock.settle()
  await at.clock.advance(10_000)
  expect((await answer).statusCode).toBe(503)
})

test.each([
  ['nothing', ''],
  ['no JSON', '{'],
  ['an array', '[]'],
  ['null', 'null'],
  ['no confirmation', '{}'],
  ['a confirmation that is none', '{"confirm":false}'],
  ['a confirmation of another type', '{"confirm":"true"}'],
  ['both values', '{"confirm":true,"value_text":"{}","value_base64":"e30="}'],
  ['a value of another type', '{"confirm":true,"value_text":{"$ne":1}}'],
  ['no base64', '{"confirm":true,"value_base64":"%%"}'],
  ['base64 cut off', '{"confirm":true,"value_base64":"e3"}'],
  ['an unknown member', '{"confirm":true,"topic":"x"}'],
  ['a prototype', '{"confirm":true,"__proto__":{"x":1}}'],
  ['NUL in the value', JSON.stringify({ confirm: true, value_text: '{"a":"\u0000"}' })],
])('a replay with %s is a problem, and nothing is written', async (_, body) => {
  at.cluster.write(deadLetter, 0, refused(1))
  const answer = await replay('0-0', body)
  expect([answer.statusCode, answer.headers['content-type']]).toEqual([400, 'application/problem+json'])
  expect([at.sent, at.unexpected]).toEqual([[], []])
})

test('a replay of another media type, and one that is too large', async () => {
  expect((await replay('0-0', 'confirm=true', { 'content-type': 'application/x-www-form-urlencoded' })).statusCode).toBe(415)
  expect((await replay('0-0', JSON.stringify({ confirm: true, value_text: 'x'.repeat(3_000_000) }))).statusCode).toBe(413)
})

test.each([
  ['0-99', 404],
  ['99-0', 404],
  ['000000-000000000000000', 202],
  ['0', 400],
  ['-1-0', 400],
  ['0-0x', 400],
  ['%00', 400],
  ['0-9999999999999999', 400],
])('a replay of %s is %i', async (id, code) => {
  at.cluster.write(deadLetter, 0, refused(1))
  expect((await replay(id)).statusCode).toBe(code)
  expect(at.unexpected).toEqual([])
})
