import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { SinkRecord } from '../sink-record.ts'
import { recordOf, sourceOf, tradeOf } from '../testing/sink-records.ts'
import { compactRows } from './compact-rows.ts'
import { TradeReader } from './trade-row.ts'

const source = sourceOf(0)

function compact(records: readonly SinkRecord[]): string[] {
  const reader = new TradeReader()
  return compactRows(records.map((record) => reader.read(record))).map(
    (row) => `${row.sortKey} v${row.content?.version ?? '-'}@${row.record.offset}${row.newest ? ' trade' : ''}${row.newestOfVersion ? ' version' : ''}${row.deleted ? ' deleted' : ''}`,
  )
}

test('the last row of a trade and of a version are kept, sorted by key', () => {
  expect(compact([tradeOf(source, 0, 'B', 1), tradeOf(source, 1, 'A', 1), tradeOf(source, 2, 'B', 1), tradeOf(source, 3, 'B', 2)])).toEqual(['A v1@1 trade version', 'B v1@2 version', 'B v2@3 trade version'])
})

test('a delete takes the content before it along, and is no version', () => {
  expect(compact([tradeOf(source, 0, 'A', 3), recordOf(source, 1, 'A', undefined), recordOf(source, 2, 'B', undefined)])).toEqual(['A v3@0 version', 'A v3@1 trade deleted', 'B v-@2 trade deleted'])
})

test('whatever comes, no key is twice in the batch, and the last offset of each counts', () => {
  const step = fc.record({ key: fc.constantFrom('A', 'B', 'C'), version: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const reader = new TradeReader()
      const rows = compactRows(steps.map(({ key, version }, offset) => reader.read(version === undefined ? recordOf(source, offset, key, undefined) : tradeOf(source, offset, key, version))))
      const last = (matches: (one: (typeof steps)[number]) => boolean) => steps.findLastIndex(matches)
      const trades = rows.filter(({ newest }) => newest).map(({ sortKey, record }) => [sortKey, record.offset])
      expect(trades).toEqual([...new Set(steps.map(({ key }) => key))].sort().map((key) => [key, last((one) => one.key === key)]))
      const versions = rows.filter(({ newestOfVersion }) => newestOfVersion)
      expect(new Set(versions.map(({ sortKey, content }) => `${sortKey} ${content?.version}`)).size).toBe(versions.length)
      for (const { sortKey, content, record } of versions) expect(record.offset).toBe(last(({ key, version }) => key === sortKey && version === content?.version))
      expect(versions).toHaveLength(new Set(steps.filter(({ version }) => version !== undefined).map(({ key, version }) => `${key} ${version}`)).size)
    }),
  )
})
