import pg from 'pg'
import type { Service } from '../../../dev/stack/service.ts'
import { between, pick, seconds } from './draw.ts'
import type { FaultKind } from './fault.ts'
import { signalService } from './pause-service.ts'
import type { ChaosWorld } from './world.ts'

export const databaseFaults: readonly FaultKind[] = [
  {
    name: 'database killed',
    area: 'databases',
    make(world, chance) {
      const database = pick(chance, databases(world))
      const holdMs = between(chance, 0, 4_000)
      return { what: `${database.name} is killed, and started again after ${seconds(holdMs)}`, holdMs, inject: () => database.stop('kill'), heal: () => database.start() }
    },
  },
  {
    name: 'database restarted',
    area: 'databases',
    make(world, chance) {
      const database = pick(chance, databases(world))
      return { what: `${database.name} is told to stop, and started again`, holdMs: 0, inject: () => database.stop('term'), heal: () => database.start() }
    },
  },
  {
    name: 'database paused',
    area: 'databases',
    make(world, chance) {
      const database = pick(chance, databases(world))
      const holdMs = between(chance, 500, 8_000)
      return { what: `${database.name} is paused for ${seconds(holdMs)}`, holdMs, inject: async () => signalService(database, 'SIGSTOP'), heal: async () => signalService(database, 'SIGCONT') }
    },
  },
  {
    name: 'database sessions ended',
    area: 'databases',
    make: ({ direct }) => ({ what: 'PostgreSQL ends every session (57P01)', holdMs: 0, inject: () => endSessions(direct.postgres), heal: async () => {} }),
  },
]

function databases({ stack }: ChaosWorld): Service[] {
  return [stack.services.postgres, stack.services.mongo].filter((service) => service !== undefined)
}

async function endSessions(url: string): Promise<void> {
  const client = new pg.Client(url)
  await client.connect()
  await client.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()")
  await client.end()
}
