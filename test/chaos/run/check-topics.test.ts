import { expect, test } from 'vitest'
import { checkAudit } from '../../../cli/self-check/check-audit.ts'
import { tradeTopics } from '../../../topology/trade-topics.ts'
import { type RecordInMemory, topicsInMemory } from '../../support/topics-in-memory.ts'
import { checkAcknowledged } from './check-acknowledged.ts'
import { checkTransactions } from './check-transactions.ts'
import { SERIAL_HEADER } from './foreign-load.ts'

// Each check on topics as they should be, and with its promise broken in every way that there is.

const TOPICS = tradeTopics('')

const input = (serial: number): RecordInMemory => ({ key: 'A', value: '{}', headers: { [SERIAL_HEADER]: String(serial) } })
const audit = (partition: number, offset: number): RecordInMemory => ({ key: 'A', value: JSON.stringify({ source: { topic: TOPICS.ingested, partition, offset } }) })
const expiry: RecordInMemory = { key: 'A', value: '{"source":null}' }

const acknowledged = [
  { offsets: [0, 1], serials: [0, 2], atMs: [0, 0] },
  { offsets: [0], serials: [1], atMs: [0] },
]

function acknowledgedIn(...partitions: (RecordInMemory | undefined)[][]) {
  return checkAcknowledged(topicsInMemory({ [TOPICS.ingested]: { partitions } }), TOPICS.ingested, acknowledged)
}

test('acknowledged: at the offset that was named, and more may be there that nobody knows of', async () => {
  expect(await acknowledgedIn([input(0), input(2), input(9)], [input(1)])).toMatchObject({ held: true, detail: '3 acknowledged, 4 in the log' })
})

test.each([
  ['is lost', [[input(0)], [input(1)]], 'record 2 was acknowledged as 0@1, where there is nothing'],
  ['is elsewhere', [[input(2), input(0)], [input(1)]], 'record 0 was acknowledged as 0@0, where there is record 2'],
  ['is in another partition', [[input(0), input(2), input(1)], []], 'record 1 was acknowledged as 1@0, where there is nothing'],
  ['is hollow', [[input(0), undefined, input(2)], [input(1)]], 'record 2 was acknowledged as 0@1, where there is nothing'],
])('acknowledged: a record that %s is found', async (_, partitions, found) => {
  expect(await acknowledgedIn(...partitions)).toMatchObject({ held: false, detail: expect.stringContaining(found) })
})

function audited(...audits: RecordInMemory[]) {
  return checkAudit(topicsInMemory({ [TOPICS.ingested]: { partitions: [[input(0), input(1)], [input(2)]] }, [TOPICS.audit]: { partitions: [audits] } }), TOPICS)
}

test('audit: one entry each, and expiries, which have no input', async () => {
  expect(await audited(audit(0, 0), expiry, audit(1, 0), audit(0, 1))).toMatchObject({ held: true, detail: '3 inputs, 3 entries' })
})

test.each([
  ['one is dropped', [audit(0, 0), audit(1, 0)], 'input 0@1 has 0 audit entries'],
  ['one is doubled', [audit(0, 0), audit(0, 1), audit(0, 1), audit(1, 0)], 'input 0@1 has 2 audit entries'],
  ['one is of nothing', [audit(0, 0), audit(0, 1), audit(1, 0), audit(1, 7)], 'audit entry for 1@7, where there is no input'],
])('audit: %s', async (_, audits, found) => {
  expect(await audited(...audits)).toMatchObject({ held: false, detail: expect.stringContaining(found) })
})

test('a transaction that hangs is found in any topic, and named', async () => {
  const partitions = [[input(0), input(1)], [input(2)]]
  expect(await checkTransactions(topicsInMemory({ a: { partitions }, __consumer_offsets: { partitions } }))).toMatchObject({ held: true, detail: '4 partitions of 2 topics' })
  const { held, detail } = await checkTransactions(topicsInMemory({ a: { partitions }, __consumer_offsets: { partitions, unstable: [0, 1] } }))
  expect([held, detail]).toEqual([false, '1 differences (4 partitions of 2 topics): __consumer_offsets-1: the log ends at 1, the last stable offset is 0'])
})
