import { expect, test } from 'vitest'
import { DAY_MS, membersWith, NOON, text, TradeHarness } from './testing/trade-harness.ts'
import { readRequestState, type RequestState } from './request-state.ts'

const ID = '3-1765454400000-6f1c-c2ln'
const REQUEST = { headers: [['request-id', ID]] } as const

function stored(harness: TradeHarness, id = ID): RequestState | undefined {
  const value = harness.context.memory('requests').read(id)
  return value === undefined ? undefined : readRequestState(value)
}

test('a request ends with the outcome of its record', () => {
  const harness = new TradeHarness()
  expect(harness.trade({}, REQUEST).audit).toMatchObject({ outcome: 'CREATED', request_id: ID })
  expect(stored(harness)).toMatchObject({ processedAtMs: NOON, answer: { status: 'SUCCESS', outcome: 'CREATED', trade_id: 'T1', version: 1, reason: null } })
})

test.each([
  ['STALE_VERSION', { version: 1 }, 'FAILED', 1],
  ['DUPLICATE', { version: 2 }, 'SUCCESS', 2],
  ['PAST_MATURITY', { version: 3, maturity_date: '2026-12-01' }, 'FAILED', 3],
  ['INVALID', { version: 3, book_id: '' }, 'FAILED', 3],
  ['REPLACED', { version: 2, book_id: 'B2' }, 'SUCCESS', 2],
])('a request that ends %s', (outcome, fields, status, version) => {
  const harness = new TradeHarness()
  harness.trade({ version: 2 })
  const reason = harness.trade(fields, REQUEST).audit['reason']
  expect(stored(harness)?.answer).toEqual({ status, outcome, trade_id: 'T1', version, reason })
})

test('a delete as a request', () => {
  const harness = new TradeHarness()
  harness.trade({ version: 2 })
  harness.delete('T1', REQUEST)
  expect(stored(harness)?.answer).toMatchObject({ status: 'SUCCESS', outcome: 'DELETED', version: 2 })
  expect(harness.delete('T1', REQUEST).audit).toMatchObject({ outcome: 'DUPLICATE', version: null, details: { first_outcome: 'DELETED' } })
  harness.delete('T9', { headers: [['request-id', 'other']] })
  expect(stored(harness, 'other')?.answer).toMatchObject({ status: 'FAILED', outcome: 'NOT_FOUND', trade_id: 'T9', version: null })
})

test('a second record with the same id is not processed again', () => {
  const harness = new TradeHarness()
  harness.trade({}, REQUEST)
  harness.delete()
  const again = harness.trade({}, REQUEST)
  expect(again.outputs).toEqual(['audit'])
  expect(again.audit).toMatchObject({
    outcome: 'DUPLICATE',
    action: 'UPDATE',
    status: 'success',
    version: 1,
    request_id: ID,
    reason: 'the request was processed before, with outcome CREATED',
    details: { first_outcome: 'CREATED' },
  })
  expect(harness.state()?.live).toBe(false)
  expect(stored(harness)?.answer.outcome).toBe('CREATED')
})

test('the request is looked at before the value is', () => {
  const harness = new TradeHarness()
  const wrong = { ...REQUEST, key: 'T1', value: text(...membersWith(), '"version":9') }
  expect(harness.send(wrong).outputs).toEqual(['audit', 'dead-letter'])
  harness.trade()
  const again = harness.send(wrong)
  expect(again.outputs).toEqual(['audit'])
  expect(again.audit).toMatchObject({ outcome: 'DUPLICATE', version: null, details: { first_outcome: 'INVALID' } })
  const keyless = { ...REQUEST, headers: [['request-id', 'other']] as const, key: null, value: null }
  expect(harness.send(keyless).audit).toMatchObject({ outcome: 'INVALID', trade_id: null })
  expect(harness.send(keyless).audit).toMatchObject({ outcome: 'DUPLICATE', trade_id: null, version: null })
  expect(stored(harness, 'other')?.answer.trade_id).toBe(null)
})

test.each([
  ['another value', { key: 'T1', value: text(...membersWith({ version: '"version":7' })) }, 7],
  ['a null value', { key: 'T1', value: null }, null],
  ['an empty value', { key: 'T1', value: '' }, null],
  ['another key', { key: 'T2', value: text(...membersWith()) }, 1],
  ['a null key', { key: null, value: text(...membersWith()) }, 1],
])('the same id with %s is invalid, and the first answer stays', (_, record, version) => {
  const harness = new TradeHarness()
  harness.send({ key: 'T1', value: text(...membersWith()), ...REQUEST })
  // One partition has the request, whatever the key.
  const partition = harness.context.partition
  const state = harness.state()
  const outcomes = harness.send({ ...record, ...REQUEST, partition })
  expect(outcomes.outputs).toEqual(['audit', 'dead-letter'])
  expect(outcomes.audit).toMatchObject({ trade_id: record.key, version, outcome: 'INVALID', request_id: ID })
  expect(outcomes.audit['reason']).toMatch(/^request id reused/)
  expect(harness.state()).toEqual(state)
  expect(harness.state('T2')).toBe(undefined)
  expect(stored(harness)?.answer.outcome).toBe('CREATED')
})

test('null and empty are different records', () => {
  const harness = new TradeHarness()
  harness.send({ key: 'T1', value: null, ...REQUEST })
  expect(harness.send({ key: 'T1', value: '', ...REQUEST }).outcome).toBe('INVALID')
  const [ab, a] = [
    { key: 'T', value: '1' },
    { key: 'T1', value: '' },
  ]
  const other = { headers: [['request-id', 'other']], partition: 0 } as const
  harness.send({ ...ab, ...other })
  expect(harness.send({ ...a, ...other }).audit['reason']).toMatch(/^request id reused/)
})

test('a null key and an empty one are different records', () => {
  const harness = new TradeHarness()
  harness.send({ key: null, value: 'x', partition: 0, ...REQUEST })
  expect(harness.send({ key: '', value: 'x', partition: 0, ...REQUEST }).audit['reason']).toMatch(/^request id reused/)
  expect(harness.send({ key: null, value: 'x', partition: 0, ...REQUEST }).outcome).toBe('DUPLICATE')
})

test('the last header counts', () => {
  const harness = new TradeHarness()
  harness.trade(
    {},
    {
      headers: [
        ['request-id', 'first'],
        ['x', 'y'],
        ['request-id', 'last'],
      ],
    },
  )
  expect([...harness.context.memory('requests').entries.keys()]).toEqual(['last'])
  expect(
    harness.trade(
      {},
      {
        headers: [
          ['request-id', 'last'],
          ['request-id', null],
        ],
      },
    ).audit,
  ).toMatchObject({ request_id: null, outcome: 'DUPLICATE', details: {} })
})

test.each([
  ['empty', ''],
  ['null', null],
  ['not UTF-8', Buffer.from([0xff])],
  ['201 bytes', 'x'.repeat(201)],
])('an id that is %s is as if absent', (_, id) => {
  const harness = new TradeHarness()
  expect(harness.trade({}, { headers: [['request-id', id]] }).audit).toMatchObject({ outcome: 'CREATED', request_id: null })
  expect(harness.trade({ version: 2 }, { headers: [['request-id', id]] }).outcome).toBe('UPDATED')
  expect(harness.context.memory('requests').entries.size).toBe(0)
})

test.each(['x'.repeat(200), 'é"\\\n\u0000', '😀'])('any other id is taken as it is: %j', (id) => {
  const harness = new TradeHarness()
  expect(harness.trade({}, { headers: [['request-id', id]] }).audit['request_id']).toBe(id)
  expect(harness.trade({}, { headers: [['request-id', id]] }).audit).toMatchObject({
    outcome: 'DUPLICATE',
    request_id: id,
    details: { first_outcome: 'CREATED' },
  })
})

test('an answer is kept 24 h, then the id may be used anew', () => {
  const harness = new TradeHarness()
  harness.trade({}, REQUEST)
  harness.wait(DAY_MS - 1)
  expect(harness.trade({}, REQUEST).audit['details']).toEqual({ first_outcome: 'CREATED' })
  harness.wait(1)
  expect(harness.trade({ version: 2 }, REQUEST).outcome).toBe('UPDATED')
  expect(stored(harness)?.answer.outcome).toBe('UPDATED')
})

test('answers leave the store when their time is over, also after a restart', () => {
  const harness = new TradeHarness()
  for (const id of ['a', 'b', 'c']) harness.trade({ trade_id: id }, { headers: [['request-id', id]] })
  harness.restart()
  harness.wait(DAY_MS - 1)
  harness.punctuate()
  expect(harness.context.memory('requests').entries.size).toBe(3)
  harness.wait(DAY_MS / 500)
  harness.punctuate()
  expect(harness.context.memory('requests').entries.size).toBe(0)
})

test('an id that is used anew is kept for its own time', () => {
  const harness = new TradeHarness()
  harness.trade({}, REQUEST)
  harness.wait(DAY_MS)
  harness.trade({ version: 2 }, REQUEST)
  harness.wait(DAY_MS / 500)
  harness.punctuate()
  expect(stored(harness)?.answer.outcome).toBe('UPDATED')
})

test('records without a request id do not touch the store', () => {
  const harness = new TradeHarness()
  harness.trade(
    {},
    {
      headers: [
        ['request', ID],
        ['request-i', ID],
      ],
    },
  )
  expect([harness.context.memory('requests').reads, harness.context.memory('requests').entries.size]).toEqual([0, 0])
})

test('a state of another format is refused, not misread', () => {
  const harness = new TradeHarness()
  harness.trade({}, REQUEST)
  for (const entry of harness.context.memory('requests').entries.values()) entry.value[0] = 7
  expect(() => harness.trade({}, REQUEST)).toThrow('in format 7, expected format 1')
})
