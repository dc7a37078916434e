import { beforeEach, expect, test, vi } from 'vitest'
import { checkDocuments } from '../../../cli/self-check/check-documents.ts'
import { checkTrades } from '../../../cli/self-check/check-trades.ts'
import { TRADE_PREFIX_BYTES, TradeEntry } from '../../../processors/trade-state.ts'
import type { TradeRowText } from '../../../sinks/postgres/read-trades.ts'
import { MemoryStore } from '../../../stores/memory-store.ts'
import { commit } from '../../../stores/testing/changelog.ts'
import { tradeTopics } from '../../../topology/trade-topics.ts'
import type { ActualRecord } from '../../model/compare.ts'
import { topicsInMemory } from '../../support/topics-in-memory.ts'
import { checkDeadLetters, readSinkLetters } from './check-dead-letters.ts'
import { compareTradeVersions } from './check-rows.ts'
import { type RowChange, RowVersions } from './check-versions.ts'

// The databases' own tables as lists: each check on rows as they should be, and with its promise broken in every way that there is.

const database = vi.hoisted(() => ({ rows: [] as unknown[], documents: [] as unknown[] }))
vi.mock('../../../sinks/postgres/read-trades.ts', () => ({ readTrades: async (_url: string, visit: (row: unknown) => void) => database.rows.forEach(visit) }))
vi.mock('../../../sinks/mongo/read-audit.ts', () => ({ readAudit: async (_url: string, visit: (document: unknown) => void) => database.documents.forEach(visit) }))

const TOPICS = tradeTopics('')
const TRADE = { trade_id: 'A', version: 2, counterparty_id: 'CP', book_id: 'B', maturity_date: '2027-01-01', created_date: '2026-01-01', expired: false, last_updated: '2026-12-11T10:00:00.000Z', note: 'x' }
const JSON_OF_A = JSON.stringify(TRADE)
const ROW: TradeRowText = { ...TRADE, version: '2', expired: 'false', deleted: 'false', attributes: '{"note":"x"}', source_partition: '0', source_offset: '1' }
const ROW_OF_B: TradeRowText = { ...ROW, trade_id: 'B', deleted: 'true', source_offset: '3' }

beforeEach(() => {
  database.rows = [ROW, ROW_OF_B]
})

/** A is there, B deleted. */
const PROCESSED = [{ key: 'A', value: JSON.stringify({ ...TRADE, version: 1 }) }, { key: 'A', value: JSON_OF_A }, { key: 'B', value: JSON.stringify({ ...TRADE, trade_id: 'B' }) }, { key: 'B' }]

async function tradesChecked({ inStore = [['A', JSON_OF_A]], letters = [] }: { inStore?: [string, string][]; letters?: { key: string; headers: Record<string, string> }[] } = {}) {
  const store = new MemoryStore({ name: 's' })
  if (inStore.length > 0) await commit(store, inStore.map(([key, json]) => ({ key, value: stateOf(json) })))
  const client = topicsInMemory({ [TOPICS.processed]: { partitions: [PROCESSED] }, [TOPICS.deadLetter]: { partitions: [letters] } })
  return checkTrades({ client, topics: TOPICS, postgres: '', stores: [store] })
}

function stateOf(json: string): string {
  const prefix = Buffer.alloc(TRADE_PREFIX_BYTES)
  new TradeEntry().setLive(2, 1).write(prefix, 0)
  return `${prefix.toString('latin1')}${json}`
}

test('trades: store and rows are the last record of each key', async () => {
  expect(await tradesChecked()).toMatchObject([{ held: true, detail: '1 live trades in 1 stores, 1 expected' }, { held: true, detail: '2 rows, 2 keys' }])
})

test.each<[string, [string, string][], string]>([
  ['lacks a trade', [], 'trade A is in trade.processed, not in the store'],
  ['has an earlier state', [['A', JSON.stringify({ ...TRADE, version: 1 })]], 'trade A is {"trade_id":"A","version":1'],
  ['has a trade that was deleted', [['A', JSON_OF_A], ['B', JSON_OF_A]], 'deleted or unknown in trade.processed'],
])('trades: a store that %s is found', async (_, inStore, found) => {
  const [store, rows] = await tradesChecked({ inStore })
  expect([store?.held, rows?.held]).toEqual([false, true])
  expect(store?.detail).toContain(found)
})

test.each<[string, TradeRowText[], string]>([
  ['is missing', [ROW_OF_B], 'trade A has no row'],
  ['is of nothing', [ROW, ROW_OF_B, { ...ROW, trade_id: 'C' }], 'row C has no record'],
  ['is of an earlier record', [{ ...ROW, source_offset: '0' }, ROW_OF_B], 'row A comes from 0@0, the last record is 0@1'],
  ['differs in a column', [{ ...ROW, book_id: 'other' }, ROW_OF_B], 'row A: book_id is other, expected B'],
  ['differs in an attribute', [{ ...ROW, attributes: '{"note":"y"}' }, ROW_OF_B], 'row A: attributes are'],
  ['came back', [ROW, { ...ROW_OF_B, deleted: 'false' }], 'row B: deleted is false'],
])('trades: a row that %s is found', async (_, rows, found) => {
  database.rows = rows
  const [store, ofRows] = await tradesChecked()
  expect([store?.held, ofRows?.held]).toEqual([true, false])
  expect(ofRows?.detail).toContain(found)
})

const ENTRIES = [{ key: 'A', value: '{"trade_id":"A","outcome":"CREATED"}' }, { key: 'B', value: '{"trade_id":"B","outcome":"CREATED"}' }]
const DOCUMENTS = [0, 1].map((offset) => ({ _id: `id-of-${TOPICS.audit}#0#${offset}`, trade_id: 'AB'[offset], outcome: 'CREATED' }))

test.each<[string, object[], string | undefined]>([
  ['as it should be', DOCUMENTS, undefined],
  ['one is missing', DOCUMENTS.slice(1), '#0#0 has no document'],
  ['one is of nothing', [...DOCUMENTS, { ...DOCUMENTS[0], _id: `id-of-${TOPICS.audit}#0#7` }], '#0#7 has no audit entry'],
  ['one differs', [{ ...DOCUMENTS[0], outcome: 'UPDATED' }, ...DOCUMENTS.slice(1)], '#0#0 is {'],
])('audit documents: %s', async (_, documents, found) => {
  database.documents = documents
  const { held, detail } = await checkDocuments(topicsInMemory({ [TOPICS.audit]: { partitions: [ENTRIES] } }), '', TOPICS.audit)
  expect(held).toBe(found === undefined)
  expect(detail).toContain(found ?? '2 documents, 2 entries')
})

function processed(offset: number, version: number | null, more = ''): ActualRecord {
  const value = version === null ? null : Buffer.from(`{${more}${JSON.stringify({ ...TRADE, version }).slice(1)}`)
  return { topic: 'trade.processed', partition: 0, offset, timestamp: 0, key: Buffer.from('A'), value, headers: [] }
}

const LOG = [processed(0, 1), processed(1, 1), processed(2, 2), processed(3, null)]
const VERSIONS = [{ id: 'A/1', book_id: 'B', counterparty_id: 'CP', source: '0@1' }, { id: 'A/2', book_id: 'B', counterparty_id: 'CP', source: '0@2' }]

test('trade_versions: the last content of each version; a row that is missing, too much or of an earlier record is found', () => {
  const [first, second] = VERSIONS.map((row) => [row])
  expect(compareTradeVersions(VERSIONS, LOG)).toMatchObject({ held: true, detail: '2 rows, 2 versions' })
  expect(compareTradeVersions(VERSIONS, [...LOG, processed(4, 2, '"big":1e200000,')])).toMatchObject({ held: true })
  expect(compareTradeVersions(second ?? [], LOG).detail).toContain('version A/1 has no row')
  expect(compareTradeVersions([...VERSIONS, { id: 'A/3', book_id: 'B', counterparty_id: 'CP', source: '0@4' }], LOG).detail).toContain('expected no such row')
  expect(compareTradeVersions([...(first ?? []).map((row) => ({ ...row, source: '0@0' })), ...(second ?? [])], LOG).detail).toContain('version A/1 is B CP 0@0, expected B CP 0@1')
})

test('rows of PostgreSQL: version and offset go up; a lower version, an earlier offset, the same one once more are found', () => {
  const good = [change('A', 1, 0), change('B', 5, 1), change('A', 1, 2), change('A', 3, 4)]
  expect(rowsOf(good)).toMatchObject({ held: true, detail: '4 changes of 2 rows' })
  expect(rowsOf([...good, change('A', 2, 5)]).detail).toContain('trade A goes from version 3 (offset 4) to 2 (offset 5)')
  expect(rowsOf([...good, change('A', 3, 3)])).toMatchObject({ held: false })
  expect(rowsOf([...good, change('A', 3, 4)])).toMatchObject({ held: false })
})

function rowsOf(changes: readonly RowChange[]) {
  const rows = new RowVersions()
  for (const row of changes) rows.add(row)
  return rows.check()
}

function change(trade_id: string, version: number, offset: number): RowChange {
  return { trade_id, version, source_offset: String(offset) }
}

test('dead letters of sinks: of what the database cannot keep, each of it, and of nothing else', () => {
  const log = [processed(0, 1), processed(1, 2, '"big":1e200000,')]
  const letter = { connector: 'postgres', topic: TOPICS.processed, partition: 0, offset: 1, reason: 'overflow' }
  const letters = (...found: (typeof letter)[]) => checkDeadLetters(found, TOPICS.processed, log)
  expect(letters(letter)).toMatchObject({ held: true, detail: '1 letters, 1 records that cannot be kept' })
  expect(letters(letter, letter)).toMatchObject({ held: true })
  expect(letters()).toMatchObject({ held: false, detail: expect.stringContaining('postgres trade.processed 0@1 cannot be kept, and is no dead letter') })
  expect(letters(letter, { ...letter, offset: 0 }).detail).toContain('postgres trade.processed 0@0 is a dead letter, and the database can keep it: overflow')
  expect(letters(letter, { ...letter, connector: 'mongodb' })).toMatchObject({ held: false })
})

test('dead letters of sinks are told from those of the processor', async () => {
  const headers = { '__connect.errors.topic': 't', '__connect.errors.partition': '3', '__connect.errors.offset': '4', '__connect.errors.connector.name': 'postgres', '__connect.errors.exception.message': 'no' }
  const client = topicsInMemory({ [TOPICS.deadLetter]: { partitions: [[{ key: 'A', headers }, { key: 'B', headers: { '__streams.errors.topic': 't' } }]] } })
  expect(await readSinkLetters(client, TOPICS.deadLetter)).toEqual([{ connector: 'postgres', topic: 't', partition: 3, offset: 4, reason: 'no' }])
})
