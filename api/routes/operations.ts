import { Type } from 'typebox'
import type { Clock } from '../../ports/clock.ts'
import { databaseCall, probe } from '../databases/database-call.ts'
import { allow, type Gateway, type GatewayServer } from '../gateway-parts.ts'
import { askInTime } from '../live/live-kafka.ts'
import { ProblemAnswer, unavailable } from '../problem.ts'
import type { Expired } from '../queries/owner-queries.ts'
import type { Databases } from './lists.ts'

export interface Operations {
  /** Runs expiry in every instance. */
  readonly expire: () => Promise<Expired>
  /** Records that each group has not worked off, by group. */
  readonly lags: () => Promise<Readonly<Record<string, number>>>
  /** Asks Kafka for what any broker answers at once; rejects where none does. */
  readonly askKafka: () => Promise<unknown>
  /** Whether records wait for Kafka longer than they should. */
  readonly isKafkaAway: () => boolean
}

/** Counting all rows takes its time: not more often than this. */
const STATISTICS_AGE_MS = 5_000
const OUTCOME_WINDOW_MS = 60_000
const LAGS_LIMIT_MS = 3_000
/** Orchestrators wait a second for a probe, by default. */
const PROBE_LIMIT_MS = 800

const Part = Type.Object({ up: Type.Boolean(), detail: Type.Optional(Type.String()) })
const HealthSchema = Type.Object({ status: Type.Union([Type.Literal('up'), Type.Literal('degraded')]), parts: Type.Object({ kafka: Part, processor: Part, postgres: Part, mongo: Part }) })
const Numbers = Type.Record(Type.String(), Type.Number())

export function operationRoutes(server: GatewayServer, gateway: Gateway, operations: Operations & Databases): void {
  const { trades, events } = operations
  const statistics = remembered(gateway.clock, STATISTICS_AGE_MS, async () => {
    const [counts, outcomes, lag] = await Promise.all([
      databaseCall('PostgreSQL', () => trades.counts()),
      databaseCall('MongoDB', () => events.outcomesSince(gateway.clock.now() - OUTCOME_WINDOW_MS)),
      askInTime(gateway.clock, LAGS_LIMIT_MS, 'the lags are not known', operations.lags()),
    ])
    const rates = Object.fromEntries(Object.entries(outcomes).map(([outcome, count]) => [outcome, count / (OUTCOME_WINDOW_MS / 1_000)]))
    return { trades: counts, outcomes_last_minute: outcomes, rates_per_second: rates, lag }
  })

  server.get('/statistics', {
    schema: {
      operationId: 'getStatistics',
      summary: 'Counts, outcomes and rates of the last minute, lag of each group; some seconds old',
      tags: ['operations'],
      response: { 200: Type.Object({ trades: Numbers, outcomes_last_minute: Numbers, rates_per_second: Numbers, lag: Numbers }), 503: ProblemAnswer },
    },
    onRequest: allow(gateway, 'trades:read'),
    handler: () => statistics(),
  })

  server.post('/expire-trades', {
    schema: {
      operationId: 'expireTrades',
      summary: 'Run expiry now, in all instances',
      description: 'The total over all instances. 503 `not-all-expired` where a task is being restored or moved meanwhile: what expired elsewhere has expired; try again for the rest.',
      tags: ['operations'],
      response: { 200: Type.Object({ expired: Type.Integer() }, { examples: [{ expired: 3 }] }), 403: ProblemAnswer, 429: ProblemAnswer, 503: ProblemAnswer },
    },
    onRequest: allow(gateway, 'operate'),
    async handler() {
      const { expired, leftOut } = await operations.expire()
      if (leftOut.length === 0) return { expired }
      throw unavailable('not-all-expired', `${expired} trades have expired, but not in the tasks ${leftOut.join(', ')}, which did not run all the while (restored, moved, or nobody's: see /api/v1/instances); try again`)
    },
  })

  server.get('/health', {
    schema: { operationId: 'getHealth', summary: 'What works and what is away', tags: ['operations'], response: { 200: HealthSchema } },
    async handler() {
      const [kafka, processor, postgres, mongo] = await Promise.all([
        probeKafka(gateway, operations),
        probe(() => gateway.state.get('trades', 0, '')),
        probe(() => trades.list({}, { after: undefined, limit: 1 })),
        probe(() => events.audit({}, { after: undefined, limit: 1 })),
      ])
      const status: 'up' | 'degraded' = [kafka, processor, postgres, mongo].every(({ up }) => up) ? 'up' : 'degraded'
      return { status, parts: { kafka, processor, postgres, mongo } }
    },
  })
}

/** Probes of an orchestrator, at the root. Alive is who answers; ready is who can take trades. */
export function probeRoutes(server: GatewayServer, gateway: Gateway, operations: Operations): void {
  const hidden = { schema: { hide: true } }
  server.get('/livez', hidden, async () => ({ status: 'up' }))
  for (const path of ['/readyz', '/startupz']) {
    server.get(path, hidden, async (_request, reply) => {
      const kafka = await probeKafka(gateway, operations)
      return reply.code(kafka.up ? 200 : 503).send({ status: kafka.up ? 'up' : 'down', ...kafka })
    })
  }
}

/** Whether a trade could be written now: a broker answers, the topic is there, and what was sent before is acknowledged. */
function probeKafka({ clock, partitions }: Gateway, { askKafka, isKafkaAway }: Operations): ReturnType<typeof probe> {
  return probe(async () => {
    if (isKafkaAway()) throw unavailable('kafka-away', 'Kafka does not acknowledge what is sent to it')
    await askInTime(clock, PROBE_LIMIT_MS, 'Kafka cannot be asked', Promise.all([askKafka(), partitions()]))
  })
}

/** The same answer for some time; those that ask while it is made share it. */
function remembered<T>(clock: Clock, ageMs: number, make: () => Promise<T>): () => Promise<T> {
  let last: { readonly atMs: number; readonly value: Promise<T> } | undefined
  return () => {
    if (last !== undefined && clock.monotonicMs() - last.atMs < ageMs) return last.value
    const value = make()
    last = { atMs: clock.monotonicMs(), value }
    // A failure is not remembered.
    value.catch(() => {
      last = undefined
    })
    return value
  }
}
