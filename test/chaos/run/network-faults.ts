import type { Mulberry32 } from '../../../bench/workload/workload.ts'
import type { TcpProxy } from '../../support/tcp-proxy.ts'
import { between, pick, seconds } from './draw.ts'
import type { Fault, FaultKind } from './fault.ts'
import { PROCESSORS } from './processor-faults.ts'
import type { ChaosWorld } from './world.ts'

const COMMIT_REQUESTS = ['Produce', 'TxnOffsetCommit', 'EndTxn', 'OffsetCommit'] as const
/** What a stream thread asks for on its way to its first task. */
const START_REQUESTS = ['InitProducerId', 'JoinGroup', 'SyncGroup'] as const
/** Texts in the requests of the sinks that write. */
const POSTGRES_WRITES = ['INSERT INTO trades', 'UPDATE sink_progress']
const MONGO_WRITES = ['\u0002insert\0', '\u0002update\0']
/** Until there was a request whose answer could be lost. */
const ANSWER_HOLD_MS = 2_000
/** A process starts first, and on a busy machine it takes its time. */
const START_HOLD_MS = 8_000

export const networkFaults: readonly FaultKind[] = [
  {
    name: 'network slow',
    area: 'network',
    make(world, chance) {
      const delayMs = between(chance, 20, 400)
      const proxies = someProxies(world, chance)
      return lasting(`${namesOf(proxies)}: everything takes ${delayMs} ms longer`, proxies, between(chance, 1_000, 6_000), (proxy) => proxy.slow(delayMs))
    },
  },
  {
    name: 'connections cut',
    area: 'network',
    make(world, chance) {
      const proxies = someProxies(world, chance)
      return lasting(`connections to ${namesOf(proxies)} are cut`, proxies, 0, (proxy) => proxy.cut())
    },
  },
  {
    name: 'connections refused',
    area: 'network',
    make(world, chance) {
      const proxies = someProxies(world, chance)
      return lasting(`${namesOf(proxies)} cannot be reached`, proxies, between(chance, 500, 6_000), (proxy) => proxy.refuse())
    },
  },
  {
    name: 'network parted',
    area: 'network',
    make(world, chance) {
      const proxies = someProxies(world, chance)
      return lasting(`nothing gets to ${namesOf(proxies)}, nor back`, proxies, between(chance, 500, 8_000), (proxy) => proxy.stall())
    },
  },
  {
    name: 'connections half open',
    area: 'network',
    make(world, chance) {
      const proxies = someProxies(world, chance)
      return lasting(`${namesOf(proxies)} has lost its connections and the clients do not know`, proxies, between(chance, 2_000, 6_000), (proxy) => proxy.halfOpen())
    },
  },
  ...COMMIT_REQUESTS.map((request): FaultKind => ({
    name: `answer lost: ${request}`,
    area: 'network',
    // any broker: the one that is asked next
    make: ({ proxies }) => lasting(`the answer to the next ${request} of each broker is lost`, proxies.brokers, ANSWER_HOLD_MS, (proxy) => proxy.loseAnswerTo(request)),
  })),
  ...START_REQUESTS.map((request): FaultKind => ({
    name: `answer lost: ${request}`,
    area: 'network',
    make({ proxies, fleet }, chance) {
      const name = pick(chance, PROCESSORS)
      const fault = lasting(`${name} is killed, started again, and the answer to the next ${request} of each broker is lost`, proxies.brokers, START_HOLD_MS, (proxy) => proxy.loseAnswerTo(request))
      return {
        ...fault,
        inject: async () => {
          await fleet.kill(name)
          await fault.inject()
          fleet.start(name)
        },
      }
    },
  })),
  {
    name: 'answer lost: PostgreSQL',
    area: 'network',
    make: ({ proxies }) => lasting('PostgreSQL commits and does not answer', [proxies.postgres], ANSWER_HOLD_MS, (proxy) => proxy.loseAnswerTo(...POSTGRES_WRITES)),
  },
  {
    name: 'answer lost: MongoDB',
    area: 'network',
    make: ({ proxies }) => lasting('MongoDB writes and does not answer', proxies.mongo, ANSWER_HOLD_MS, (proxy) => proxy.loseAnswerTo(...MONGO_WRITES)),
  },
]

/** All brokers, one of them, PostgreSQL, a member of MongoDB or all of them. */
function someProxies({ proxies }: ChaosWorld, chance: Mulberry32): readonly TcpProxy[] {
  const { brokers, postgres, mongo } = proxies
  return pick(chance, [() => brokers, () => [pick(chance, brokers)], () => [pick(chance, brokers)], () => [postgres], () => [pick(chance, mongo)], () => mongo])()
}

function lasting(what: string, proxies: readonly TcpProxy[], holdMs: number, act: (proxy: TcpProxy) => void): Fault {
  return {
    what: holdMs === 0 ? what : `${what}, for ${seconds(holdMs)}`,
    holdMs,
    inject: async () => proxies.forEach(act),
    heal: async () => proxies.forEach((proxy) => proxy.heal()),
  }
}

function namesOf(proxies: readonly TcpProxy[]): string {
  const [first] = proxies
  if (proxies.length === 1) return first?.name ?? ''
  return first?.name.startsWith('MongoDB') ? 'all of MongoDB' : 'all brokers'
}
