import { between, pick, seconds } from './draw.ts'
import type { FaultKind } from './fault.ts'

/** A sink's session; see ConnectorOptions.sessionTimeoutMs. */
const SESSION_TIMEOUT_MS = 10_000

export const SINKS = ['postgres-a', 'postgres-b', 'mongo-a', 'mongo-b'] as const

export const sinkFaults: readonly FaultKind[] = [
  {
    name: 'sink killed',
    area: 'sinks',
    make({ fleet }, chance) {
      const name = pick(chance, SINKS)
      return { what: `${name} is killed and started again`, holdMs: 0, inject: () => fleet.kill(name), heal: async () => fleet.start(name) }
    },
  },
  {
    name: 'all sinks killed',
    area: 'sinks',
    make({ fleet }, chance) {
      const names = SINKS
      const holdMs = between(chance, 0, 2_000)
      return {
        what: `${names.join(', ')} are killed, for ${seconds(holdMs)}`,
        holdMs,
        inject: async () => void (await Promise.all(names.map((name) => fleet.kill(name)))),
        heal: async () => names.forEach((name) => fleet.start(name)),
      }
    },
  },
  {
    name: 'sink paused',
    area: 'sinks',
    make({ fleet }, chance) {
      const name = pick(chance, SINKS)
      const holdMs = between(chance, 300, 4_000)
      return { what: `${name} is paused for ${seconds(holdMs)}`, holdMs, inject: () => fleet.pause(name), heal: async () => fleet.resume(name) }
    },
  },
  {
    name: 'sink paused beyond its session',
    area: 'sinks',
    make({ fleet }, chance) {
      const name = pick(chance, SINKS)
      const holdMs = SESSION_TIMEOUT_MS + between(chance, 1_000, 3_000)
      return { what: `${name} is paused for ${seconds(holdMs)}`, holdMs, inject: () => fleet.pause(name), heal: async () => fleet.resume(name) }
    },
  },
  {
    name: 'sink stopped in order',
    area: 'sinks',
    make({ fleet }, chance) {
      const name = pick(chance, SINKS)
      const holdMs = between(chance, 200, 2_000)
      return { what: `${name} is told to stop, and started again after ${seconds(holdMs)}`, holdMs, inject: () => fleet.stop(name), heal: async () => fleet.start(name) }
    },
  },
]
