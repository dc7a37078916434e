import { VirtualClock } from '../../test/support/virtual-clock.ts'
import type { OutgoingRecord } from '../../ports/kafka-client.ts'
import { type RequestAnswer, writeRequestState } from '../../processors/request-state.ts'
import { TRADE_PREFIX_BYTES, TradeEntry } from '../../processors/trade-state.ts'
import { createGateway, type GatewayOptions } from '../gateway.ts'
import type { GatewayServer } from '../gateway-parts.ts'
import { Live } from '../live/live.ts'
import { createTrades } from '../../topology/trades.ts'
import { TRADE_TOPICS } from '../../topology/trade-topics.ts'
import { LiveCluster } from './live-cluster.ts'
import type { AuditFilter, EventDocument, EventKey, OperationalEvent, OperationalFilter, TradeEvents } from '../databases/trade-events.ts'
import type { ListedRow, Page, StoredRow, TradeFilter, TradeRows, VersionRow } from '../databases/trade-rows.ts'
import type { Claim, IdempotencyClaims } from '../ingest.ts'
import type { Expired, StateLookUps } from '../queries/owner-queries.ts'

export const TRADE = { trade_id: 'T1', version: 1, counterparty_id: 'CP-1', book_id: 'B1', maturity_date: '2027-05-20', created_date: '2026-12-11' }
export const JSON_TYPE = { 'content-type': 'application/json' }

/** A gateway on fakes of its ports, which a test looks at and sets. */
export class GatewayFixture {
  readonly clock = new VirtualClock()
  readonly sent: OutgoingRecord[] = []
  /** What Kafka makes of a record. */
  produce: (record: OutgoingRecord) => Promise<number> = async () => this.sent.length
  /** `store partition key` to value. */
  readonly stored = new Map<string, Buffer>()
  /** Called for each look-up, before it. */
  lookUp: (store: string, partition: number, key: string, waitMs: number) => Promise<void> = async () => {}
  readonly claims = new MemoryClaims()
  readonly unexpected: Error[] = []
  readonly trades = new MemoryRows()
  readonly events = new MemoryEvents()
  readonly cluster = new LiveCluster()
  partitions: () => Promise<number> = async () => 12
  askKafka: () => Promise<unknown> = async () => {}
  isKafkaAway = false
  expired: Expired = { expired: 7, leftOut: [] }
  lags: () => Promise<Record<string, number>> = async () => ({ trades: 3 })
  #server: GatewayServer | undefined
  #live: Live | undefined

  get server(): GatewayServer {
    if (this.#server === undefined) throw new Error('the fixture is made by create')
    return this.#server
  }

  get live(): Live {
    if (this.#live === undefined) throw new Error('the fixture is made by create')
    return this.#live
  }

  static async create(options: Partial<GatewayOptions> = {}): Promise<GatewayFixture> {
    const fixture = new GatewayFixture()
    const state: StateLookUps = {
      get: async (store, partition, key, waitMs = 0) => {
        await fixture.lookUp(store, partition, key, waitMs)
        return fixture.stored.get(`${store} ${partition} ${key}`)
      },
    }
    const send = async (record: OutgoingRecord) => {
      fixture.sent.push(record)
      return fixture.produce(record)
    }
    const partitions = () => fixture.partitions()
    const { clock, cluster } = fixture
    fixture.#live = new Live({ kafka: cluster.kafka, clock, topics: TRADE_TOPICS, groups: cluster.groups, topology: createTrades().topology.subTopologies(), applicationId: 'trades', state, partitions })
    fixture.#server = await createGateway({
      producer: { send, close: async () => {} },
      state,
      claims: fixture.claims,
      clock: fixture.clock,
      topic: 'trade.ingested',
      partitions,
      live: fixture.#live,
      secret: 'x'.repeat(32),
      trades: fixture.trades,
      events: fixture.events,
      expire: async () => fixture.expired,
      lags: () => fixture.lags(),
      askKafka: () => fixture.askKafka(),
      isKafkaAway: () => fixture.isKafkaAway,
      unexpected: (error) => fixture.unexpected.push(error),
      ...options,
    })
    return fixture
  }

  /** As new. A gateway takes some time to make: tests share one. */
  reset(): void {
    this.sent.length = 0
    this.produce = async () => this.sent.length
    this.stored.clear()
    this.lookUp = async () => {}
    this.claims.claimed.clear()
    this.claims.isAway = false
    this.unexpected.length = 0
    this.trades.rows = []
    this.trades.isAway = false
    this.events.documents = []
    this.events.tradeEvents = []
    this.events.isAway = false
    this.events.recordedEvents.length = 0
    this.cluster.reset()
    this.partitions = async () => 12
    this.askKafka = async () => {}
    this.isKafkaAway = false
    this.expired = { expired: 7, leftOut: [] }
    this.lags = async () => ({ trades: 3 })
  }

  /** As the processor would have answered. */
  answer(requestId: string, answer: Partial<RequestAnswer> = {}): void {
    const whole: RequestAnswer = { status: 'SUCCESS', outcome: 'CREATED', trade_id: 'T1', version: 1, reason: null, ...answer }
    const value = writeRequestState({ processedAtMs: this.clock.now(), fingerprint: Buffer.alloc(32), answer: whole })
    this.stored.set(`requests ${requestId.split('-')[0]} ${requestId}`, value)
  }

  /** A live trade in the store. */
  keep(partition: number, tradeId: string, json: string): void {
    const value = Buffer.alloc(TRADE_PREFIX_BYTES + Buffer.byteLength(json))
    new TradeEntry().setLive(1, 20_000).write(value, 0)
    value.write(json, TRADE_PREFIX_BYTES)
    this.stored.set(`trades ${partition} ${tradeId}`, value)
  }

  header(index: number, name: string): string | undefined {
    return this.sent[index]?.headers.find(([key]) => key === name)?.[1]?.toString()
  }
}

export class MemoryClaims implements IdempotencyClaims {
  readonly claimed = new Map<string, Claim>()
  isAway = false

  async claim(claim: Claim): Promise<{ requestId: string; payloadHash: string }> {
    if (this.isAway) throw new Error('connect ECONNREFUSED')
    const key = `${claim.caller} ${claim.key}`
    const first = this.claimed.get(key) ?? claim
    this.claimed.set(key, first)
    return first
  }
}

export class MemoryRows implements TradeRows {
  rows: (ListedRow & VersionRow & { readonly bookId: string })[] = []
  isAway = false
  readonly filters: TradeFilter[] = []

  async list(filter: TradeFilter, { after = '', limit }: Page<string>): Promise<readonly ListedRow[]> {
    if (this.isAway) throw new Error('connect ECONNREFUSED')
    this.filters.push(filter)
    return this.rows.filter(({ trade_id, bookId }) => trade_id > after && (filter.bookId === undefined || filter.bookId === bookId)).slice(0, limit)
  }

  async versions(tradeId: string, { after = 0, limit }: Page<number>): Promise<readonly VersionRow[]> {
    if (this.isAway) throw new Error('connect ECONNREFUSED')
    return this.rows.filter(({ trade_id, version }) => trade_id === tradeId && version > after).slice(0, limit)
  }

  async newestVersions(tradeId: string, { after = Number.POSITIVE_INFINITY, limit }: Page<number>): Promise<readonly VersionRow[]> {
    if (this.isAway) throw new Error('connect ECONNREFUSED')
    return this.rows
      .filter(({ trade_id, version }) => trade_id === tradeId && version < after)
      .toReversed()
      .slice(0, limit)
  }

  async row(tradeId: string): Promise<StoredRow | undefined> {
    if (this.isAway) throw new Error('connect ECONNREFUSED')
    const last = this.rows.findLast(({ trade_id }) => trade_id === tradeId)
    return last && { deleted: false, partition: 3, offset: 42, json: last.json }
  }

  async counts(): Promise<Record<string, number>> {
    return { live: this.rows.length, expired: 0, deleted: 0 }
  }
}

export class MemoryEvents implements TradeEvents {
  /** The newest first. */
  documents: EventDocument[] = []
  tradeEvents: EventDocument[] = []
  isAway = false
  readonly filters: AuditFilter[] = []
  readonly recordedEvents: OperationalEvent[] = []

  async record(event: OperationalEvent): Promise<void> {
    if (this.isAway) throw new Error('no primary')
    if (!this.recordedEvents.some(({ id }) => id === event.id)) this.recordedEvents.push(event)
  }

  async recorded(idPrefixes: readonly string[]): Promise<readonly EventDocument[]> {
    if (this.isAway) throw new Error('no primary')
    return this.recordedEvents.filter(({ id }) => idPrefixes.some((prefix) => id.startsWith(prefix))).map(({ id, timestampMs, data }) => ({ id, timestampMs, fields: { data } }))
  }

  async audit(filter: AuditFilter, { after, limit }: { after: EventKey | undefined; limit: number }): Promise<readonly EventDocument[]> {
    if (this.isAway) throw new Error('no primary')
    this.filters.push(filter)
    return this.documents.filter(({ timestampMs, id }) => after === undefined || timestampMs < after.timestampMs || (timestampMs === after.timestampMs && id < after.id)).slice(0, limit)
  }

  async *ofTrade(collection: string, tradeId: string, limit: number): AsyncGenerator<EventDocument, void> {
    const from = collection === 'audit' ? this.documents : collection === 'trade_events' ? this.tradeEvents : []
    yield* from.filter(({ fields }) => fields['trade_id'] === tradeId).slice(0, limit)
  }

  async operational({ eventType, severity, fromMs = 0, toMs = Number.POSITIVE_INFINITY }: OperationalFilter, limit: number): Promise<readonly EventDocument[]> {
    if (this.isAway) throw new Error('no primary')
    return this.recordedEvents
      .filter((event) => event.tradeId === undefined && (eventType ?? event.eventType) === event.eventType && (severity ?? event.severity) === event.severity && event.timestampMs >= fromMs && event.timestampMs <= toMs)
      .toReversed()
      .slice(0, limit)
      .map(({ id, timestampMs, eventType: type, severity: of, data }) => ({ id, timestampMs, fields: { event_type: type, severity: of, data } }))
  }

  async outcomesSince(): Promise<Record<string, number>> {
    return { CREATED: 120 }
  }
}
