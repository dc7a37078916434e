import { expect, test } from 'vitest'
import { TradeWorkload } from './trade-workload.ts'
import { WorkloadRecord } from './workload.ts'
import { workloadChecksum } from './workload-checksum.ts'

test('the first 1,000 records are the defined ones, byte for byte', () => {
  expect(workloadChecksum(new TradeWorkload(), 1000).checksum).toBe('87d4393e')
})

test('another seed gives other records', () => {
  expect(workloadChecksum(new TradeWorkload({ seed: 43 }), 1000).checksum).not.toBe('87d4393e')
})

test('kinds come in the shares that are defined: a tenth of the trades and records', () => {
  const workload = new TradeWorkload({ keys: 50_000 })
  workloadChecksum(workload, 200_000)
  const whole = { NEW: 465_354, NEXT_VERSION: 1_121_139, SAME_VERSION: 124_495, STALE: 150_217, DUPLICATE: 37_625, PAST: 100_198, MALFORMED: 972 }
  for (const [kind, count] of Object.entries(workload.counts)) {
    const expected = whole[kind as keyof typeof whole] / 10 // Object.entries forgets the names of a closed type
    expect(Math.abs(count - expected), kind).toBeLessThan(5 * Math.sqrt(expected))
  }
})

test('a malformed record is cut, or lacks its book', () => {
  const workload = new TradeWorkload()
  const record = new WorkloadRecord()
  const malformed: string[] = []
  for (let i = 0; i < 20_000; i++) {
    workload.next(record)
    if (record.kind === 'MALFORMED') malformed.push(record.value.toString())
  }
  const cut = malformed.filter((value) => value.endsWith('"counterparty_id":'))
  expect(cut.length).toBeGreaterThan(0)
  expect(cut.length).toBeLessThan(malformed.length)
  for (const value of malformed) if (!cut.includes(value)) expect(Object.keys(JSON.parse(value))).not.toContain('book_id')
})

test('unique: every trade in turn, then the next version of each, nothing else', () => {
  const workload = new TradeWorkload({ keys: 100, unique: true })
  const record = new WorkloadRecord()
  const ids: string[] = []
  for (let i = 0; i < 100; i++) {
    workload.next(record)
    ids.push(record.key.toString())
  }
  expect(ids[0]).toBe('TRD-00000000')
  expect(ids[99]).toBe('TRD-00000099')
  expect(workload.counts.NEW).toBe(100)
  workload.next(record)
  expect(record.key.toString()).toBe('TRD-00000000')
  expect(['SAME_VERSION', 'NEXT_VERSION']).toContain(record.kind)
})

test('a number of keys that is no number of keys is refused', () => {
  expect(() => new TradeWorkload({ keys: 0 })).toThrow('keys is 0, expected an integer from 1 to 10,000,000')
})
