import { expect, test } from 'vitest'
import { PaddedWorkload } from './padded-workload.ts'
import { TradeWorkload } from './trade-workload.ts'
import { WorkloadRecord } from './workload.ts'

test('whole trades get the size that is wanted and keep what they say; broken ones stay as they are', () => {
  const [plain, padded] = [new TradeWorkload(), new PaddedWorkload(new TradeWorkload(), 1_000)]
  const [before, after] = [new WorkloadRecord(), new WorkloadRecord()]
  let broken = 0
  for (let i = 0; i < 10_000; i++) {
    plain.next(before)
    padded.next(after)
    const [text, larger] = [before.value.toString(), after.value.toString()]
    expect(after.key.toString()).toBe(before.key.toString())
    if (text.endsWith('}')) {
      expect(larger.length).toBe(1_000)
      expect(larger.startsWith(text.slice(0, -1))).toBe(true)
      expect(JSON.parse(larger)).toHaveProperty('note')
    } else {
      broken++
      expect(larger).toBe(text)
    }
  }
  expect(broken).toBeGreaterThan(0)
})

test('a size that a record has already leaves it as it is', () => {
  const [plain, padded] = [new TradeWorkload(), new PaddedWorkload(new TradeWorkload(), 100)]
  const [before, after] = [new WorkloadRecord(), new WorkloadRecord()]
  plain.next(before)
  padded.next(after)
  expect(after.value.toString()).toBe(before.value.toString())
})
