import { expect, test } from 'vitest'
import { runSimulation } from '../../engine/simulation/simulation.ts'
import { simulatedClient } from '../../testing/simulated-client.ts'
import { counter } from './applications/counter.ts'

// The assignments of two generations in a row are not heard by instance 1. In the second one its claim is too old to count, so its tasks go to instance 2, which runs them and leaves; in the third they are its own again.
test.each([3, 5])('seed %i: who has not heard of a generation does not go on where it was, with the tasks that another one has run meanwhile', async (seed) => {
  const quiet = { poison: 0, oversized: 0, deletes: 0, ticks: false, floods: 0, sink: false, sideTopic: false, stillKeys: false, hotKeys: undefined }
  const { violations } = await runSimulation({
    seed,
    records: 3_000,
    shape: { instances: 3, nodes: 1, transactionVersion: 2, markerMs: [0.2, 3] },
    application: (random) => counter(random, { stateless: true, partitions: 4, keys: 20, ...quiet }),
    connect: simulatedClient,
    faults: [
      { kind: 'stop', atMs: 3_000, instance: 2, downMs: 4_500, how: 'leave' },
      { kind: 'storm', atMs: 6_000, everyMs: 100, forMs: 1 },
      { kind: 'hang-at', atMs: 5_990, instance: 1, api: 'syncGroup', nth: 1, what: 'request', forMs: 2_500, pausedMs: 0 },
      { kind: 'hang-at', atMs: 7_600, instance: 1, api: 'syncGroup', nth: 1, what: 'request', forMs: 3_500, pausedMs: 0 },
      { kind: 'stop', atMs: 10_800, instance: 2, downMs: 20_000, how: 'leave' },
    ],
  })
  expect(violations).toEqual([])
})
