import { expect, test } from 'vitest'
import { MemoryEvents } from '../testing/gateway-fixture.ts'
import { Rebalances, type Rebalance } from './rebalances.ts'
import { recordRebalances } from './recorded-rebalances.ts'

const EVENING_MS = Date.UTC(2026, 10, 21, 20)
const DAY_MS = 24 * 60 * 60 * 1_000

/** How many of these are recorded, each seen by a gateway of its own. */
function recorded(...seen: Partial<Rebalance>[]): number {
  const events = new MemoryEvents()
  for (const one of seen) {
    const rebalances = new Rebalances()
    recordRebalances(rebalances, events)
    rebalances.onChange({ atMs: EVENING_MS, group: 'trades', generation: 1, owners: { a: ['0_0'] }, ...one })
  }
  return events.recordedEvents.length
}

test('what several gateways see is recorded once', () => {
  expect(recorded({}, { atMs: EVENING_MS + 30_000 })).toBe(1)
  expect(recorded({ generation: undefined }, { generation: undefined, atMs: EVENING_MS + 30_000 })).toBe(1)
  expect(recorded({}, { generation: 2 }, { owners: { b: ['0_0'] } }, { group: 'other' })).toBe(4)
})

test('a group whose generations start anew, with the owners that it had, is recorded again', () => {
  expect(recorded({}, { atMs: EVENING_MS + DAY_MS }, { atMs: EVENING_MS + 80 * DAY_MS })).toBe(3)
})
