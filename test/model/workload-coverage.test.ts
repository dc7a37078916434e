import { beforeAll, expect, test } from 'vitest'
import { INVALID_SORTS } from '../../bench/workload/invalid-records.ts'
import { MixedWorkload } from '../../bench/workload/mixed-workload.ts'
import { TradeWorkload } from '../../bench/workload/trade-workload.ts'
import { type Workload, WorkloadRecord } from '../../bench/workload/workload.ts'
import { workloadChecksum } from '../../bench/workload/workload-checksum.ts'
import { compare, report } from './compare.ts'
import { faultless } from './model-fixture.ts'
import { plainPartitionOf } from './plain-murmur2.ts'
import { type ModelOutputs, TradeModel } from './trade-model.ts'

const PARTITIONS = 12
const RECORDS = 200_000
const NOW_MS = Date.parse('2026-12-11T10:00:00Z')

/** The workload knows what it aims at, the model knows the rules; neither knows the other. */
function run(workload: Workload, model: TradeModel, records: number, each: (kind: string, outputs: ModelOutputs) => void): void {
  const record = new WorkloadRecord()
  const offsets = new Array<number>(PARTITIONS).fill(0)
  for (let i = 0; i < records; i++) {
    workload.next(record)
    const partition = (plainPartitionOf(record.placement.copy(), PARTITIONS) + record.partitionShift) % PARTITIONS
    const offset = offsets[partition] ?? 0
    offsets[partition] = offset + 1
    const key = record.hasKey ? record.key.copy() : null
    const value = record.hasValue ? record.value.copy() : null
    each(record.kind, model.apply({ partition, offset, timestamp: NOW_MS - record.timestampAgeMs, key, value, headers: record.headers }, NOW_MS))
  }
}

const kinds = new Map<string, number>()
const surprises: string[] = []
const seen = { repaired: 0, repairedAfterInvalid: 0, headersDropped: 0, deadLetterWithoutValue: 0, processingTime: 0, requestIds: 0 }
const model = new TradeModel({ businessDate: '2026-12-11', partitions: PARTITIONS, maxMessageBytes: 1_048_588 })

beforeAll(() => {
  run(new MixedWorkload({ businessDate: '2026-12-11' }), model, RECORDS, (kind, { outcome, faults, input, audit, processed, repaired, deadLetter }) => {
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
    if (kind.split(':')[0] !== outcome) surprises.push(`${kind}: ${outcome} ${faults.join(', ')}, key ${input?.key}, value ${input?.value?.toString().slice(0, 300)}`)
    if (repaired !== undefined) seen.repaired++
    if (repaired?.value?.get('repaired') instanceof Map && (repaired.value.get('repaired') as Map<string, unknown>).get('outcome') === 'INVALID') seen.repairedAfterInvalid++
    if (processed?.headersKept === 'no') seen.headersDropped++
    if (deadLetter?.raw?.kept === 'no') seen.deadLetterWithoutValue++
    if (audit.timestamp.source === 'processing') seen.processingTime++
    if (audit.value?.get('request_id') !== null) seen.requestIds++
  })
}, 900_000)

test('each record of the mixed workload has the outcome that it aims at', () => {
  expect(surprises.slice(0, 5)).toEqual([])
})

test('every outcome occurs, and every way to it that the workload knows', () => {
  const ways = [
    'CREATED', 'CREATED: after a delete', 'UPDATED', 'UPDATED: large', 'REPLACED', 'DUPLICATE', 'DUPLICATE: rewritten', 'DUPLICATE: request repeated', 'STALE_VERSION',
    'STALE_VERSION: after a delete', 'PAST_MATURITY', 'DELETED', 'NOT_FOUND', 'NOT_FOUND: deleted before',
    'INVALID: request id reused, another key', 'INVALID: request id reused, another value', 'INVALID: request id reused, null value', 'INVALID: too large',
    ...Object.keys(INVALID_SORTS).map((sort) => `INVALID: ${sort}`),
  ]
  expect(ways.filter((way) => !kinds.has(way))).toEqual([])
})

test.each(Object.keys(seen) as (keyof typeof seen)[])('there is something of %s', (name) => {
  expect(seen[name]).toBeGreaterThan(0)
})

test('an expiry run some days later has work, and leaves work', () => {
  const before = [...model.trades()].length
  model.turnTo('2026-12-14')
  const expired = model.expire(NOW_MS + 3 * 86_400_000)
  expect(expired.length).toBeGreaterThan(100)
  expect(expired.length).toBeLessThan(before)
})

test('a product that answers as the model says has no differences over the mixed workload', () => {
  const fresh = (): ModelOutputs[] => {
    const outputs: ModelOutputs[] = []
    run(new MixedWorkload({ businessDate: '2026-12-11', keys: 300 }), new TradeModel({ businessDate: '2026-12-11', partitions: PARTITIONS, maxMessageBytes: 1_048_588 }), 3000, (_, output) => outputs.push(output))
    return outputs
  }
  expect(report(compare(faultless(fresh()), fresh()))).toBe('')
})

test('the mixed workload is the same for the same seed, and another for another', () => {
  const checksum = (seed: number): string => workloadChecksum(new MixedWorkload({ seed, businessDate: '2026-12-11' }), 500).checksum
  expect(checksum(7)).toBe(checksum(7))
  expect(checksum(7)).not.toBe(checksum(8))
})

test('rates leave kinds out', () => {
  const only = new MixedWorkload({ businessDate: '2026-12-11', rates: { INVALID: 0, TOO_LARGE: 0, REQUEST_REUSED: 0 } })
  run(only, new TradeModel({ businessDate: '2026-12-11', partitions: PARTITIONS, maxMessageBytes: 1_048_588 }), 1000, (_, { outcome }) => expect(outcome).not.toBe('INVALID'))
})

test('the benchmark workload has the outcomes that its kinds stand for', () => {
  const outcomes = {
    NEW: 'CREATED', NEXT_VERSION: 'UPDATED', SAME_VERSION: 'REPLACED', STALE: 'STALE_VERSION', DUPLICATE: 'DUPLICATE', PAST: 'PAST_MATURITY', MALFORMED: 'INVALID',
  } as const
  const bench = new TradeModel({ businessDate: '2026-12-11', partitions: PARTITIONS, maxMessageBytes: 1_048_588 })
  run(new TradeWorkload({ keys: 2000 }), bench, 4000, (kind, { outcome }) => expect(outcome).toBe(outcomes[kind as keyof typeof outcomes])) // the workload's kinds are these
})
