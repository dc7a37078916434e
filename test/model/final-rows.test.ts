import { expect, test } from 'vitest'
import { auditDocuments, finalTrades, finalTradeVersions } from './final-rows.ts'
import { writeJson } from './json.ts'
import { DAY_MS, faultless, ModelFixture, NOW_MS } from './model-fixture.ts'

function topic(fixture: ModelFixture, feed: (fixture: ModelFixture) => Parameters<typeof faultless>[0], name: string): ReturnType<typeof faultless> {
  return faultless(feed(fixture)).filter((record) => record.topic === name)
}

test('trades: the last state, with unknown fields as attributes and the position of its record', () => {
  const processed = topic(new ModelFixture(), (fixture) => [fixture.trade({ notional: 12345678.9 }), fixture.trade({ version: 2, desk: 'D' })], 'trade.processed')
  const row = finalTrades(processed).get('T1')
  expect(row).toMatchObject({ version: 2, book_id: 'B1', expired: false, deleted: false, last_updated: NOW_MS, source_partition: processed[1]?.partition, source_offset: 1 })
  expect(writeJson(row?.attributes ?? null)).toBe('{"desk":"D"}')
})

test('trades: a deleted trade keeps its row, at the position of its tombstone', () => {
  const processed = topic(new ModelFixture(), (fixture) => [fixture.trade(), fixture.delete('T1')], 'trade.processed')
  expect(finalTrades(processed).get('T1')).toMatchObject({ version: 1, deleted: true, source_offset: 1 })
})

test('trade_versions: a row a version with its last content, which stays after a delete', () => {
  const feed = (fixture: ModelFixture): Parameters<typeof faultless>[0] => {
    const outputs = [fixture.trade(), fixture.trade({ book_id: 'B2' }), fixture.trade({ version: 2, maturity_date: '2026-12-11' })]
    fixture.model.turnTo('2026-12-12')
    return [...outputs, ...fixture.model.expire(NOW_MS + DAY_MS), fixture.delete('T1')]
  }
  const rows = finalTradeVersions(topic(new ModelFixture(), feed, 'trade.processed'))
  expect([...rows].map(([name, { book_id, expired }]) => [name, book_id, expired])).toEqual([['T1/1', 'B2', false], ['T1/2', 'B1', true]])
})

test('audit documents: the entry, its position and its time', () => {
  const documents = auditDocuments(topic(new ModelFixture(), (fixture) => [fixture.trade(), fixture.delete('T9')], 'trade.audit'))
  expect(documents.map(({ entry, timestampMs }) => [entry.get('outcome'), timestampMs]).sort()).toEqual([['CREATED', NOW_MS], ['NOT_FOUND', NOW_MS]])
})
