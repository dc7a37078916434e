import type {
  AuditEntry,
  DeadLetter,
  Group,
  GroupsAnswer,
  Health,
  History,
  InstancesAnswer,
  InstanceTask,
  Listed,
  RequestStatus,
  Sink,
  Statistics,
  Timeline,
  TopologyAnswer,
  TopologyNode,
  Trade,
} from '../../api/dashboard/answers.ts'

/** All of them end here. */
export const NOW_MS = Date.UTC(2026, 11, 11, 3, 4, 30)
const at = (secondsAgo: number) => new Date(NOW_MS - secondsAgo * 1_000).toISOString()
const P = 'tradewind'

export const health: Health = { status: 'up', parts: { kafka: { up: true }, processor: { up: true }, postgres: { up: true }, mongo: { up: true } } }

const RATES = { CREATED: 1204.2, UPDATED: 388.1, REPLACED: 61.4, DUPLICATE: 98.3, DELETED: 12.6, EXPIRED: 0.4, STALE_VERSION: 142.8, PAST_MATURITY: 41.2, INVALID: 19.7, NOT_FOUND: 8.1 }

export const statistics: Statistics = {
  trades: { live: 1_284_903, expired: 88_214, deleted: 12_004 },
  outcomes_last_minute: Object.fromEntries(Object.entries(RATES).map(([name, rate]) => [name, Math.round(rate * 60)])),
  rates_per_second: RATES,
  lag: { [P]: 18, [`${P}-sink-postgres`]: 120, [`${P}-sink-mongo`]: 240 },
}

/** A quarter of an hour with a slow database in it. */
export const history: History = {
  step_ms: 5_000,
  now: at(0),
  samples: Array.from({ length: 180 }, (_, n) => {
    const wave = Math.sin(n / 9) * 130 + Math.sin(n / 2.3) * 45
    const slow = n > 88 && n < 112 ? (n - 88) * 900 : n >= 112 && n < 130 ? (130 - n) * 1_200 : 0
    const inward = 1_960 + wave
    return {
      at: at((179 - n) * 5),
      in_per_second: inward,
      committed_per_second: inward - Math.abs(Math.sin(n / 3)) * 40,
      outcomes_per_second: Object.fromEntries(Object.entries(RATES).map(([name, rate]) => [name, rate * (1 + Math.sin(n / 11 + name.length) * 0.25)])),
      lag: { [P]: 14 + Math.abs(wave) / 10, [`${P}-sink-postgres`]: 90 + slow, [`${P}-sink-mongo`]: 210 + Math.abs(wave) },
      latency_ms: n > 40 && n < 44 ? null : { p50: 7.2 + Math.abs(wave) / 60, p99: 21 + Math.abs(wave) / 7 + (n === 95 ? 60 : 0) },
    }
  }),
}

const node = (name: string, type: TopologyNode['type'], rate: number, more: Partial<TopologyNode> = {}): TopologyNode => ({ name, type, topics: [], successors: [], stores: [], records_per_second: rate, records_total: Math.round(rate * 40_000), ...more })

export const topology: TopologyAnswer = {
  sub_topologies: [
    {
      id: 0,
      nodes: [
        node('trade.ingested-source', 'source', 1_976, { topics: ['trade.ingested'], successors: ['trade-rules'] }),
        node('trade-rules', 'processor', 1_976, { stores: ['trades', 'requests'], successors: ['processed-sink', 'expired-sink', 'repaired-sink', 'audit-sink', 'dead-letter-sink'] }),
        node('processed-sink', 'sink', 1_666, { topics: ['trade.processed'] }),
        node('expired-sink', 'sink', 0.4, { topics: ['trade.expired'] }),
        node('repaired-sink', 'sink', 12.1, { topics: ['trade.repaired'] }),
        node('audit-sink', 'sink', 1_976, { topics: ['trade.audit'] }),
        node('dead-letter-sink', 'sink', 19.7, { topics: ['trade.dead-letter'] }),
      ],
    },
  ],
  lag: { 'trade.ingested': 4_210, 'trade.processed': 120 },
  stores: [
    { name: 'trades', entries: 1_385_121, size_bytes: 412_882_190, tasks: 12 },
    { name: 'requests', entries: 88_021, size_bytes: 21_004_882, tasks: 12 },
  ],
}

const partitions = (topic: string, lag: number, owners: readonly (string | null)[]): Group['partitions'] =>
  Array.from({ length: 6 }, (_, n) => {
    const mine = Math.round(lag * (n === 2 ? 0.7 : 0.06))
    return { topic, partition: n, committed_offset: 482_113 + n * 311, end_offset: 482_113 + n * 311 + mine, lag: mine, lag_seconds: mine / 160, owner: owners[n % owners.length] ?? null }
  })
const member = (id: string) => ({ member_id: `${id}-7f31`, client_id: id, host: '/10.2.0.7', instance_id: id })
const group = (name: string, role: string, lag: number, list: Group['partitions'], members: readonly string[]): Group => ({ group: name, role, state: 'Stable', lag, lag_seconds: lag / 1_900, members: members.map(member), partitions: list })

export const groups: GroupsAnswer = {
  groups: [
    group(P, 'processor', 18, partitions('trade.ingested', 18, [`${P}-a-1`, `${P}-b-1`]), [`${P}-a-1`, `${P}-b-1`]),
    group(`${P}-sink-postgres`, 'sink-postgres', 14_310, partitions('trade.processed', 14_310, [`${P}-sink-postgres-1`]), [`${P}-sink-postgres-1`]),
    group(`${P}-sink-mongo`, 'sink-mongo', 240, [...partitions('trade.audit', 120, [`${P}-sink-mongo-1`]), ...partitions('trade.processed', 120, [`${P}-sink-mongo-1`])], [`${P}-sink-mongo-1`]),
  ],
}

const task = (n: number, more: Partial<InstanceTask> = {}): InstanceTask => ({
  task: `0_${n}`,
  state: 'running',
  restore_remaining: 0,
  committed_offset: 482_113 + n * 311,
  records_per_second: 160 + n * 3,
  stores: [
    { name: 'trades', entries: 115_000 + n * 11, size_bytes: 34_000_000 + n * 120_000 },
    { name: 'requests', entries: 7_300, size_bytes: 1_700_000 },
  ],
  ...more,
})

export const instances: InstancesAnswer = {
  instances: [
    { instance_id: `${P}-a-1`, role: 'processor', address: '10.2.0.7:7101', reachable: true, state: 'running', started_at: at(93_211), rss_bytes: 412_000_000, cpu_seconds: 8_211, tasks: [0, 2, 4, 6, 8, 10].map((n) => task(n)) },
    { instance_id: `${P}-b-1`, role: 'processor', address: '10.2.0.8:7101', reachable: true, state: 'running', started_at: at(48), rss_bytes: 214_000_000, cpu_seconds: 11, tasks: [1, 3, 5].map((n) => task(n)).concat([7, 9].map((n) => task(n, { state: 'restoring', restore_remaining: 48_112, records_per_second: 0 }))) },
    { instance_id: `${P}-c-1`, role: 'processor', address: '10.2.0.9:7101', reachable: false, state: null, error: 'connect ECONNREFUSED 10.2.0.9:7101', started_at: null, rss_bytes: null, cpu_seconds: null, tasks: [] },
  ],
  rebalances: [
    { at: at(46), group: P, generation: 14, owners: { [`${P}-a-1`]: ['0_0', '0_2', '0_4', '0_6', '0_8', '0_10'], [`${P}-b-1`]: ['0_1', '0_3', '0_5', '0_7', '0_9', '0_11'] } },
    { at: at(61), group: P, generation: 13, owners: { [`${P}-a-1`]: Array.from({ length: 12 }, (_, n) => `0_${n}`) } },
    { at: at(9_400), group: `${P}-sink-postgres`, generation: 2, owners: { [`${P}-sink-postgres-1`]: Array.from({ length: 12 }, (_, n) => `trade.processed-${n}`) } },
  ],
}

export const sinks: { sinks: Sink[] } = {
  sinks: [
    {
      group: `${P}-sink-postgres`,
      role: 'sink-postgres',
      state: 'retrying',
      lag: 14_310,
      instances: [
        { instance_id: `${P}-sink-postgres-1`, reachable: true, paused: false, circuit: 'half-open', rows_total: 48_110_223, rows_per_second: 812.4, batch_rows_mean: 341.2, write_ms: { p50: 14.1, p99: 212 }, retries_total: 17, dead_letters_total: 2, last_error: '57P01: terminating connection due to administrator command' },
      ],
    },
    {
      group: `${P}-sink-mongo`,
      role: 'sink-mongo',
      state: 'running',
      lag: 240,
      instances: [{ instance_id: `${P}-sink-mongo-1`, reachable: true, paused: false, circuit: 'closed', rows_total: 96_402_118, rows_per_second: 3_644, batch_rows_mean: 512, write_ms: { p50: 6.4, p99: 31 }, retries_total: 0, dead_letters_total: 0, last_error: null }],
    },
  ],
}

const trade = (n: number, more: Partial<Trade> = {}): Trade => ({
  trade_id: `T-${20_480 + n}`,
  version: 1 + (n % 4),
  counterparty_id: `CP-${n % 7}`,
  book_id: `RATES-LDN-${n % 3}`,
  maturity_date: '2027-05-20',
  created_date: '2026-12-11',
  expired: n % 9 === 8,
  last_updated: at(n * 31),
  ...more,
})

export const trades: Listed<Trade> = { items: Array.from({ length: 24 }, (_, n) => trade(n)), next: 'eyJhZnRlciI6IlQifQ' }

const ID = 'T-20480'
const audit = (n: number, outcome: string, more: Partial<AuditEntry> = {}): AuditEntry => ({
  id: `audit-${n}`,
  timestamp: at(n * 7),
  trade_id: ID,
  version: 3,
  action: 'UPDATE',
  status: /STALE|PAST|INVALID|NOT_/.test(outcome) ? 'failed' : 'success',
  outcome,
  reason: null,
  business_date: '2026-12-11',
  source: { topic: 'trade.ingested', partition: 7, offset: 482_990 - n },
  request_id: null,
  ...more,
})

export const auditLog: Listed<AuditEntry> = {
  items: [
    audit(0, 'UPDATED'),
    audit(1, 'STALE_VERSION', { version: 2, trade_id: 'T-20481', reason: 'version 2 is lower than the stored version 3' }),
    audit(2, 'INVALID', { trade_id: null, version: null, reason: 'not JSON: found the end of the text, expected a value' }),
    audit(3, 'PAST_MATURITY', { trade_id: 'T-20495', reason: 'maturity_date 2026-12-10 is before the business date 2026-12-11' }),
    audit(4, 'CREATED', { trade_id: 'T-20499', version: 1 }),
    audit(5, 'DUPLICATE', { trade_id: 'T-20484', reason: 'the stored trade has the same content' }),
    audit(6, 'DELETED', { trade_id: 'T-20470' }),
    audit(7, 'EXPIRED', { trade_id: 'T-19001', source: null }),
  ],
  next: null,
}

const versions: Trade[] = [
  trade(0, { version: 1, last_updated: at(900) }),
  trade(0, { version: 2, book_id: 'RATES-LDN-4', last_updated: at(600) }),
  { ...trade(0, { version: 3, counterparty_id: 'CP-11', maturity_date: '2028-05-20', last_updated: at(4) }), notional: 2_500_000.5, legs: [{ pay: 'fixed', rate: 0.0312 }] } as Trade,
]

export const timeline: Timeline = {
  trade_id: ID,
  state: versions[2] ?? null,
  repair_case: null,
  row: { trade: versions[2] as Trade, deleted: false, partition: 7, offset: 911_204 },
  versions,
  events: [
    { kind: 'event', id: 'd1', timestamp: at(910), event_type: 'DEAD_LETTER', severity: 'warning', data: { dead_letter: '3-118', exception: 'InvalidTrade', message: 'not JSON: found the end of the text, expected a value', topic: 'trade.ingested', partition: 7, offset: 482_861 }, links: { dead_letter: '/api/v1/dead-letters/3-118' } },
    { kind: 'audit', ...audit(128, 'CREATED', { version: 1 }), links: {} },
    { kind: 'event', id: 'r1', timestamp: at(896), event_type: 'TRADE_REPAIRED', severity: 'info', data: { repaired: { outcome: 'INVALID', reason: 'not JSON' } }, links: {} },
    { kind: 'state', id: 's1', timestamp: at(896), version: 1, deleted: false, links: {} },
    { kind: 'audit', ...audit(85, 'UPDATED', { version: 2 }), links: {} },
    { kind: 'state', id: 's2', timestamp: at(595), version: 2, deleted: false, links: {} },
    { kind: 'audit', ...audit(40, 'STALE_VERSION', { version: 1, reason: 'version 1 is lower than the stored version 2', details: { field: 'version', found: 1, stored: 2 } }), links: {} },
    { kind: 'audit', ...audit(1, 'UPDATED', { request_id: '7-19b3-4d0c' }), trace_id: '0af7651916cd43dd8448eb211c80319c', links: { request: '/api/v1/requests/7-19b3-4d0c', trace: 'https://traces.example/trace/0af7651916cd43dd8448eb211c80319c' } },
    { kind: 'state', id: 's3', timestamp: at(7), version: 3, deleted: false, links: {} },
  ],
  truncated: { audit: false, states: false, events: false, versions: false },
}
export const versionList: Listed<Trade> = { items: versions, next: null }

const letter = (n: number, value: Buffer, message: string, more: Partial<DeadLetter> = {}): DeadLetter => ({
  id: `${n % 4}-${118 + n}`,
  timestamp: at(n * 511 + 40),
  trade_id: `T-${20_480 + n}`,
  key_base64: Buffer.from(`T-${20_480 + n}`).toString('base64'),
  value_base64: value.toString('base64'),
  value_text: value.includes(0xff) ? null : value.toString(),
  headers: [
    { key: 'traceparent', value: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' },
    { key: '__streams.errors.topic', value: 'trade.ingested' },
  ],
  error: { exception: 'UnreadableTradeError', message, topic: 'trade.ingested', partition: n % 4, offset: 88_201 + n },
  dropped: [],
  replayable: true,
  replays: [],
  ...more,
})

export const deadLetters: Listed<DeadLetter> = {
  items: [
    letter(0, Buffer.from('{"trade_id":"T-20480","version":"3","counterparty_id":"CP-1","book_id":"RATES-LDN-2","maturity_date":"2027-05-20","created_date":"2026-12-11"}'), 'version: found the text "3", expected a number'),
    letter(1, Buffer.from([0xff, 0xfe, 0x7b, 0x00, 0x22, 0x00, 0x74, 0x00, 0x72, 0x00, 0x61, 0x00, 0x64, 0x00, 0x65, 0x00, 0x5f, 0x00, 0x69, 0x00, 0x64, 0x00]), 'not UTF-8: found byte 0xff at 0'),
    letter(2, Buffer.from('{"trade_id":"T-20482","version":1'), 'not JSON: found the end of the text, expected , or }', { replays: [{ at: at(300), by: 'anonymous', edited: true, request_id: '2-19b3-77ac' }] }),
  ],
  next: null,
}

export const requestDone: RequestStatus = { request_id: '7-19b3-4d0c', status: 'SUCCESS', trade_id: ID, version: 3, outcome: 'UPDATED', reason: null }

/** A whole dashboard, by call. */
export const SAMPLES: readonly (readonly [call: string, answer: object])[] = [
  ['GET /health', health],
  ['GET /statistics', statistics],
  ['GET /statistics/history', history],
  ['GET /topology', topology],
  ['GET /groups', groups],
  ['GET /instances', instances],
  ['GET /sinks', sinks],
  ['GET /trades', trades],
  ['GET /audit-logs', auditLog],
  ['GET /dead-letters', deadLetters],
  [`GET /trades/${ID}/timeline`, timeline],
  [`GET /trades/${ID}/versions`, versionList],
]
