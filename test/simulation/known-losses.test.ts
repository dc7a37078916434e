import { describe, expect, test } from 'vitest'
import type { Fault } from '../../engine/simulation/faults.ts'
import { runSimulation } from '../../engine/simulation/simulation.ts'
import { SeededRandom } from '../../engine/simulation/seeded-random.ts'
import { simulatedClient } from '../../testing/simulated-client.ts'
import { counter } from './applications/counter.ts'

/** Runs the counter under these faults, with three seeds, and answers what was found wrong. */
async function lossesOf(faults: readonly Fault[], shape: { instances?: number; nodes?: number } = {}): Promise<string[]> {
  const violations: string[] = []
  for (let seed = 1; seed <= 3; seed++) {
    // Of each seed the same application.
    const application = () => counter(new SeededRandom(`known losses ${seed}`))
    const outcome = await runSimulation({ seed, application, connect: simulatedClient, records: 600, faults, shape: { instances: 2, nodes: 3, ...shape } })
    violations.push(...outcome.violations.map((violation) => `seed ${seed}: ${violation}`))
  }
  return violations
}

const every = <T>(fromMs: number, stepMs: number, count: number, make: (atMs: number, i: number) => T): T[] => Array.from({ length: count }, (_, i) => make(fromMs + i * stepMs, i))

/** The ways in which the nearest TypeScript library loses or doubles records: none of them may be ours. */
describe('no record is lost or doubled by', { timeout: 300_000 }, () => {
  test('state that a failed transaction wrote', async () => {
    expect(await lossesOf(every(1_500, 9_000, 4, (atMs) => ({ kind: 'stall-at', atMs, instance: 0, api: 'endTxn', nth: 2, everyNode: false, forMs: 14_000 })), { instances: 1 })).toEqual([])
  })

  test('kill -9 between the steps of a commit, again and again', async () => {
    const points = ['commit:acknowledged', 'commit:ended', 'commit:applied', 'store.changelog.appended']
    expect(await lossesOf(every(1_500, 900, 12, (atMs, i) => ({ kind: 'kill-at', atMs, instance: i % 2, failpoint: points[i % 4] ?? '', nth: 1, downMs: 100, disk: 'kept' })))).toEqual([])
  })

  test.each(['txnOffsetCommit', 'endTxn', 'produce'])('one connection that is reset at %s, before or behind it', async (api) => {
    const fates = ['request-lost', 'answer-lost', 'late'] as const
    expect(await lossesOf(every(1_500, 600, 12, (atMs, i) => ({ kind: 'break-at', atMs, instance: i % 2, api, nth: 1, fate: fates[i % 3] ?? 'late' })))).toEqual([])
  })

  test('brokers that are restarted, one after the other', async () => {
    expect(await lossesOf(every(1_500, 4_000, 4, (atMs, i) => ({ kind: 'node-crash', atMs, node: 1 + (i % 3), downMs: 3_000 })))).toEqual([])
  })

  test('a cluster of one broker that is away for nine seconds', async () => {
    expect(await lossesOf([{ kind: 'node-crash', atMs: 3_000, node: 1, downMs: 9_000 }], { nodes: 1 })).toEqual([])
  })

  test('a restore from a broker that falls silent', async () => {
    const faults: Fault[] = [
      { kind: 'kill', atMs: 4_000, instance: 0, downMs: 100, disk: 'lost' },
      { kind: 'stall', atMs: 4_300, instance: 0, node: 1, forMs: 9_000 },
      { kind: 'stall', atMs: 4_300, instance: 0, node: 2, forMs: 9_000 },
      { kind: 'stall', atMs: 4_300, instance: 0, node: 3, forMs: 9_000 },
    ]
    expect(await lossesOf(faults, { instances: 1 })).toEqual([])
  })

  test('members that come late, and a process that died with an open transaction', async () => {
    const faults: Fault[] = [
      { kind: 'stop', atMs: 100, instance: 2, downMs: 5_000, how: 'leave' },
      { kind: 'kill-at', atMs: 2_000, instance: 0, failpoint: 'commit:acknowledged', nth: 1, downMs: 20_000, disk: 'kept' },
      { kind: 'kill-at', atMs: 8_000, instance: 2, failpoint: 'commit:acknowledged', nth: 1, downMs: 100, disk: 'lost' },
    ]
    expect(await lossesOf(faults, { instances: 3 })).toEqual([])
  })

  test('a zombie that wakes behind its session, with a transaction at any of its steps', async () => {
    const points = ['commit:acknowledged', 'commit:ended', 'commit:applied']
    expect(await lossesOf(every(1_500, 8_000, 4, (atMs, i) => ({ kind: 'pause-at', atMs, instance: i % 2, failpoint: points[i % 3] ?? '', nth: 2, forMs: 14_000 })))).toEqual([])
  })

  test('offsets that arrive when their sender has lost its place in the group', async () => {
    expect(await lossesOf(every(1_500, 9_000, 3, (atMs, i) => ({ kind: 'stall-at', atMs, instance: i % 2, api: 'txnOffsetCommit', nth: 2, everyNode: i % 2 === 0, forMs: 8_500 })))).toEqual([])
  })

  test('a power cut in the middle of what is being written', async () => {
    expect(await lossesOf(every(1_500, 1_500, 8, (atMs, i) => ({ kind: 'kill-at', atMs, instance: i % 2, failpoint: 'store.changelog.appended', nth: 3, downMs: 300, disk: 'power-cut' })))).toEqual([])
  })
})
