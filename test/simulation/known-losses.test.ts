import { describe, expect, test } from 'vitest'
import type { Fault } from '../../engine/simulation/faults.ts'
import { runSimulation } from '../../engine/simulation/simulation.ts'
import { SeededRandom } from '../../engine/simulation/seeded-random.ts'
import { simulatedClient } from '../../testing/simulated-client.ts'
import { counter, type CounterShape } from './applications/counter.ts'

/** Runs the counter under these faults, with three seeds, and answers what was found wrong. */
async function lossesOf(faults: readonly Fault[], shape: { instances?: number; nodes?: number; markerMs?: readonly [number, number] } = {}, wanted: Partial<CounterShape> = {}): Promise<string[]> {
  const violations: string[] = []
  for (let seed = 1; seed <= 3; seed++) {
    // Of each seed the same application.
    const application = () => counter(new SeededRandom(`known losses ${seed}`), wanted)
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

  test('the end of a restore that looks for the last stable offset, while markers are late', async () => {
    const faults = every(1_500, 2_500, 6, (atMs, i): Fault => ({ kind: 'stop', atMs, instance: i % 2, downMs: 700, how: 'leave' }))
    expect(await lossesOf(faults, { markerMs: [100, 800] })).toEqual([])
  })

  test('keys of a partition that went to another instance and came back', async () => {
    const faults = every(1_500, 1_700, 10, (atMs, i): Fault => ({ kind: 'stop', atMs, instance: i % 2, downMs: 900, how: i % 3 === 0 ? 'stay' : 'leave' }))
    expect(await lossesOf(faults, {}, { keys: 200, partitions: 4 })).toEqual([])
  })

  test('one JoinGroup that hangs, while everything else of its process goes on', async () => {
    const faults = every(1_500, 14_000, 2, (atMs, i): Fault[] => [
      { kind: 'hang-at', atMs, instance: i % 2, api: 'joinGroup', nth: 1, what: 'request', forMs: 11_000, pausedMs: 0 },
      { kind: 'storm', atMs: atMs + 1, everyMs: 100, forMs: 1 },
    ]).flat()
    expect(await lossesOf(faults, {}, { partitions: 4 })).toEqual([])
  })

  test('fetches that are answered in parts, with a backlog', async () => {
    const faults = every(500, 3_000, 4, (atMs, i): Fault => ({ kind: 'pause', atMs, instance: i % 2, forMs: 2_500 }))
    expect(await lossesOf(faults, {}, { hotKeys: 1, keys: 100 })).toEqual([])
  })

  test('records that nobody can process, and such as no broker takes', async () => {
    const faults = every(1_500, 1_500, 6, (atMs, i): Fault => ({ kind: 'break-at', atMs, instance: i % 2, api: 'endTxn', nth: 1, fate: 'answer-lost' }))
    expect(await lossesOf(faults, {}, { poison: 0.02, oversized: 0.01 })).toEqual([])
  })

  test('a sink whose database commits without an answer, and whose processes die and stand still', async () => {
    const troubles = ['silent', 'restarting', 'away'] as const
    const faults = every(1_500, 2_000, 9, (atMs, i): Fault[] => [
      { kind: 'database', atMs, trouble: troubles[i % 3] ?? 'away', forMs: 1_500 },
      i % 2 === 0 ? { kind: 'companion-kill', atMs: atMs + 300, pick: i, downMs: 200 } : { kind: 'companion-pause', atMs: atMs + 300, pick: i, forMs: 8_000 },
    ]).flat()
    expect(await lossesOf(faults, {}, { sink: true })).toEqual([])
  })
})
