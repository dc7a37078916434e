import pg from 'pg'
import type { Mulberry32 } from '../../../bench/workload/workload.ts'
import type { Service } from '../../../dev/stack/service.ts'
import { between, pick, seconds } from './draw.ts'
import type { Fault, FaultKind } from './fault.ts'
import { signalService } from './pause-service.ts'
import type { ChaosWorld } from './world.ts'

export const databaseFaults: readonly FaultKind[] = [
  {
    name: 'database killed',
    area: 'databases',
    make(world, chance) {
      const database = aDatabase(world, chance)
      const holdMs = between(chance, 0, 4_000)
      return { what: `${database.name} is killed, and started again after ${seconds(holdMs)}`, holdMs, inject: () => database.stop('kill'), heal: () => database.start() }
    },
  },
  {
    name: 'database restarted',
    area: 'databases',
    make(world, chance) {
      const database = aDatabase(world, chance)
      return { what: `${database.name} is told to stop, and started again`, holdMs: 0, inject: () => database.stop('term'), heal: () => database.start() }
    },
  },
  {
    name: 'database paused',
    area: 'databases',
    make(world, chance) {
      const database = aDatabase(world, chance)
      const holdMs = between(chance, 500, 8_000)
      return { what: `${database.name} is paused for ${seconds(holdMs)}`, holdMs, inject: async () => signalService(database, 'SIGSTOP'), heal: async () => signalService(database, 'SIGCONT') }
    },
  },
  {
    name: 'database sessions ended',
    area: 'databases',
    make: ({ direct }) => ({ what: 'PostgreSQL ends every session (57P01)', holdMs: 0, inject: () => endSessions(direct.postgres), heal: async () => {} }),
  },
  {
    name: 'MongoDB primary killed',
    area: 'databases',
    // longer than an election takes, now and then
    make: (world, chance) => ofMember(world, chance, { whose: 'primary', what: 'is killed', holdMs: between(chance, 0, 15_000), inject: (member) => member.stop('kill'), heal: (member) => member.start() }),
  },
  {
    name: 'MongoDB secondary killed',
    area: 'databases',
    make: (world, chance) => ofMember(world, chance, { whose: 'secondary', what: 'is killed', holdMs: between(chance, 0, 8_000), inject: (member) => member.stop('kill'), heal: (member) => member.start() }),
  },
  {
    name: 'MongoDB primary paused',
    area: 'databases',
    make: (world, chance) =>
      ofMember(world, chance, {
        ...{ whose: 'primary', what: 'is paused', holdMs: between(chance, 500, 15_000) },
        inject: async (member) => signalService(member, 'SIGSTOP'),
        heal: async (member) => signalService(member, 'SIGCONT'),
      }),
  },
  {
    name: 'MongoDB primary stepped down',
    area: 'databases',
    make: ({ mongo }) => ({ what: "MongoDB's primary is told to let another one be it", holdMs: 0, inject: () => mongo.stepDown(), heal: async () => {} }),
  },
]

function aDatabase({ stack, mongo }: ChaosWorld, chance: Mulberry32): Service {
  const { postgres } = stack.services
  return postgres !== undefined && chance.next() < 0.5 ? postgres : pick(chance, mongo.members)
}

interface OfMember {
  readonly whose: 'primary' | 'secondary'
  readonly what: string
  readonly holdMs: number
  inject(member: Service): Promise<void>
  heal(member: Service): Promise<void>
}

/** Which member it is shows when it happens. Where there is none such, because of another fault, it is the one that was drawn. */
function ofMember({ mongo }: ChaosWorld, chance: Mulberry32, { whose, what, holdMs, inject, heal }: OfMember): Fault {
  const drawn = chance.next()
  let member: Service | undefined
  return {
    what: `MongoDB's ${whose} ${what} for ${seconds(holdMs)}`,
    holdMs,
    async inject() {
      const states = await mongo.states()
      const fit = mongo.members.filter((_, at) => states[at] === whose)
      const candidates = fit.length > 0 ? fit : mongo.members
      member = candidates[Math.floor(drawn * candidates.length)]
      if (member !== undefined) await inject(member)
    },
    async heal() {
      if (member !== undefined) await heal(member)
    },
  }
}

async function endSessions(url: string): Promise<void> {
  const client = new pg.Client(url)
  await client.connect()
  await client.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()")
  await client.end()
}
