import { between, pick, seconds } from './draw.ts'
import type { Fault, FaultKind } from './fault.ts'
import { KILLED, KILLED_FOR_LONG } from './recovery-goals.ts'
import type { Fleet } from './fleet.ts'
import { SMALL_DISK_MEMBER, TIMES, type ChaosWorld } from './world.ts'

export const PROCESSORS = ['p1', 'p2', 'p3'] as const
/** A fault like any other, and what lets trades expire. */
export const DATE_TURNS = 'business date turns'
const MOST_PROCESSORS = ['p1', 'p2', 'p3', 'p4'] as const

export const processorFaults: readonly FaultKind[] = [
  {
    name: KILLED,
    area: 'processors',
    make({ fleet }, chance) {
      const name = pick(chance, PROCESSORS)
      return killed(fleet, name, `${name} is killed and started again`, 0)
    },
  },
  {
    name: KILLED_FOR_LONG,
    area: 'processors',
    make({ fleet }, chance) {
      const name = pick(chance, PROCESSORS)
      const holdMs = TIMES.sessionTimeoutMs + between(chance, 3_000, 5_000)
      return killed(fleet, name, `${name} is killed, for ${seconds(holdMs)}`, holdMs)
    },
  },
  {
    name: 'all processors killed',
    area: 'processors',
    make({ fleet }) {
      const names = PROCESSORS
      return {
        what: `${names.join(', ')} are killed and started again`,
        holdMs: 0,
        inject: async () => void (await Promise.all(names.map((name) => fleet.kill(name)))),
        heal: async () => names.forEach((name) => fleet.start(name)),
      }
    },
  },
  {
    name: 'processor paused',
    area: 'processors',
    make({ fleet }, chance) {
      const name = pick(chance, PROCESSORS)
      const holdMs = between(chance, 300, TIMES.transactionTimeoutMs)
      return { what: `${name} is paused for ${seconds(holdMs)}`, holdMs, inject: () => fleet.pause(name), heal: async () => fleet.resume(name) }
    },
  },
  {
    name: 'processor paused beyond its session',
    area: 'processors',
    make({ fleet }, chance) {
      const name = pick(chance, PROCESSORS)
      const holdMs = TIMES.sessionTimeoutMs + between(chance, 1_000, 4_000)
      return { what: `${name} is paused for ${seconds(holdMs)}`, holdMs, inject: () => fleet.pause(name), heal: async () => fleet.resume(name) }
    },
  },
  {
    name: 'processor stopped in order',
    area: 'processors',
    make({ fleet }, chance) {
      const name = pick(chance, PROCESSORS)
      const holdMs = between(chance, 500, 3_000)
      return { what: `${name} is told to stop, and started again after ${seconds(holdMs)}`, holdMs, inject: () => fleet.stop(name), heal: async () => fleet.start(name) }
    },
  },
  {
    name: 'scaled to four',
    area: 'processors',
    make: (world, chance) => scaled(world, 4, between(chance, 2_000, 5_000)),
  },
  {
    name: 'scaled to one',
    area: 'processors',
    make: (world, chance) => scaled(world, 1, between(chance, 2_000, 5_000)),
  },
  {
    name: DATE_TURNS,
    area: 'processors',
    // Were they not all away at a time, a partition could go back to an earlier date with a processor that still has it.
    make(world, chance) {
      const { fleet } = world
      const inOrder = chance.next() < 0.5
      return {
        what: `the business date turns, with which every processor ${inOrder ? 'is told to stop' : 'is killed'} and started again`,
        holdMs: 0,
        inject: async () => {
          world.turnBusinessDate()
          await Promise.all(fleet.running('processor').map((name) => (inOrder ? fleet.stop(name) : fleet.kill(name))))
        },
        heal: async () => PROCESSORS.forEach((name) => fleet.start(name)),
      }
    },
  },
  {
    name: 'disk full',
    area: 'processors',
    make({ smallDisk, excuses, fleet }, chance) {
      if (smallDisk === undefined) return undefined
      const holdMs = between(chance, 2_000, 5_000)
      return {
        what: `the disk of ${SMALL_DISK_MEMBER} is full for ${seconds(holdMs)}`,
        holdMs,
        inject: async () => {
          excuses.smallDisk = 'its disk was full'
          smallDisk.fill()
        },
        heal: async () => {
          smallDisk.free()
          // one that has given up a moment ago is started by its supervisor
          fleet.start(SMALL_DISK_MEMBER)
        },
      }
    },
  },
]

function killed(fleet: Fleet, name: string, what: string, holdMs: number): Fault {
  let affected: readonly number[] = []
  return {
    what,
    holdMs,
    async inject() {
      affected = fleet.partitionsOf(name)
      await fleet.kill(name)
    },
    affected: () => affected,
    heal: async () => fleet.start(name),
  }
}

function scaled({ fleet }: ChaosWorld, count: number, holdMs: number): ReturnType<FaultKind['make']> {
  const wanted = MOST_PROCESSORS.slice(0, count)
  return {
    what: `scaled to ${count} for ${seconds(holdMs)}, and back`,
    holdMs,
    inject: async () => {
      for (const name of wanted) fleet.start(name)
      await stopOthers(wanted)
    },
    heal: async () => {
      for (const name of PROCESSORS) fleet.start(name)
      await stopOthers(PROCESSORS)
    },
  }

  async function stopOthers(kept: readonly string[]): Promise<void> {
    await Promise.all(fleet.running('processor').flatMap((name) => (kept.includes(name) ? [] : fleet.stop(name))))
  }
}
