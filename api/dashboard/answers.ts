// What the calls of /api/v1 answer, as far as the dashboard reads it. Types only: nothing of this file is served.

export interface Health {
  readonly status: 'up' | 'degraded'
  readonly parts: Readonly<Record<string, { readonly up: boolean; readonly detail?: string }>>
}

export interface Statistics {
  readonly trades: Readonly<Record<string, number>>
  readonly outcomes_last_minute: Readonly<Record<string, number>>
  readonly rates_per_second: Readonly<Record<string, number>>
  readonly lag: Readonly<Record<string, number>>
}

export interface Sample {
  readonly at: string
  readonly in_per_second: number
  readonly committed_per_second: number
  readonly outcomes_per_second: Readonly<Record<string, number>>
  readonly lag: Readonly<Record<string, number>>
  readonly latency_ms: { readonly p50: number; readonly p99: number } | null
}

export interface History {
  readonly step_ms: number
  /** When it was asked, by the gateway's clock. */
  readonly now: string
  readonly samples: readonly Sample[]
}

export interface TopologyNode {
  readonly name: string
  readonly type: 'source' | 'processor' | 'sink' | 'store'
  readonly topics: readonly string[]
  readonly successors: readonly string[]
  readonly stores: readonly string[]
  /** null: not known yet, or not countable. */
  readonly records_per_second: number | null
  readonly records_total: number | null
}

export interface StoreSize {
  readonly name: string
  readonly entries: number
  readonly size_bytes: number
}

export interface TopologyAnswer {
  readonly sub_topologies: readonly { readonly id: number; readonly nodes: readonly TopologyNode[] }[]
  readonly lag: Readonly<Record<string, number>>
  readonly stores: readonly (StoreSize & { /** How many have one. */ readonly tasks: number })[]
}

export interface GroupPartition {
  readonly topic: string
  readonly partition: number
  readonly committed_offset: number | null
  readonly end_offset: number
  readonly lag: number
  readonly lag_seconds: number | null
  readonly owner: string | null
}

export interface Group {
  readonly group: string
  readonly role: string
  readonly state: string
  readonly lag: number
  readonly lag_seconds: number | null
  readonly members: readonly { readonly member_id: string; readonly client_id: string; readonly host: string; readonly instance_id: string | null }[]
  readonly partitions: readonly GroupPartition[]
}

export interface GroupsAnswer {
  readonly groups: readonly Group[]
}

export interface InstanceTask {
  readonly task: string
  readonly state: string
  readonly restore_remaining: number | null
  readonly committed_offset: number | null
  readonly records_per_second: number | null
  readonly stores: readonly StoreSize[]
}

export interface Instance {
  readonly instance_id: string
  readonly role: string
  readonly address: string | null
  readonly reachable: boolean
  readonly error?: string
  readonly started_at: string | null
  readonly rss_bytes: number | null
  readonly cpu_seconds: number | null
  /** Of the thread, or of the sink. */
  readonly state: string | null
  readonly tasks: readonly InstanceTask[]
}

export interface Rebalance {
  readonly at: string
  readonly group: string
  readonly generation: number | null
  /** Instance to what it had: tasks or partitions. */
  readonly owners: Readonly<Record<string, readonly string[]>>
}

export interface InstancesAnswer {
  readonly instances: readonly Instance[]
  readonly rebalances: readonly Rebalance[]
}

export interface SinkInstance {
  readonly instance_id: string
  readonly reachable: boolean
  readonly paused: boolean
  readonly error?: string
  /** null: not reached. */
  readonly circuit: 'closed' | 'open' | 'half-open' | null
  readonly rows_total: number
  readonly rows_per_second: number | null
  readonly batch_rows_mean: number | null
  readonly write_ms: { readonly p50: number; readonly p99: number } | null
  readonly retries_total: number
  readonly dead_letters_total: number
  readonly last_error: string | null
}

export interface Sink {
  readonly group: string
  readonly role: string
  readonly state: 'running' | 'paused' | 'partly-paused' | 'retrying' | 'stopped' | 'unknown'
  readonly instances: readonly SinkInstance[]
  readonly lag: number
}

export interface DeadLetter {
  /** `<partition>-<offset>` */
  readonly id: string
  readonly timestamp: string
  readonly trade_id: string | null
  readonly key_base64: string | null
  readonly value_base64: string | null
  /** Where the value is UTF-8. */
  readonly value_text: string | null
  readonly headers: readonly { readonly key: string; readonly value: string | null }[]
  readonly error: { readonly exception: string | null; readonly message: string | null; readonly topic: string | null; readonly partition: number | null; readonly offset: number | null }
  readonly replays: readonly { readonly at: string; readonly by: string; readonly edited: boolean; readonly request_id: string }[]
  /** Parts that did not fit and were left out. */
  readonly dropped: readonly string[]
  /** What a sink has refused is not: it lies in the topic that the processor writes. */
  readonly replayable: boolean
}

/** One page of a list. */
export interface Listed<Item> {
  readonly items: readonly Item[]
  readonly next: string | null
}

/** Its own unknown fields may stand beside these. */
export interface Trade {
  readonly trade_id: string
  readonly version: number
  readonly counterparty_id: string
  readonly book_id: string
  readonly maturity_date: string
  readonly created_date: string
  readonly expired: boolean
  readonly last_updated: string
}

export interface AuditEntry {
  readonly id: string
  readonly timestamp: string
  readonly trade_id: string | null
  readonly version: number | null
  readonly action: string
  readonly status: string
  readonly outcome: string
  readonly reason: string | null
  readonly business_date: string
  readonly source: { readonly topic: string; readonly partition: number; readonly offset: number } | null
  readonly request_id: string | null
  readonly details?: Readonly<Record<string, unknown>>
}

export interface TimelineEvent {
  readonly kind: 'audit' | 'state' | 'event'
  readonly id: string
  readonly timestamp: string
  readonly trace_id?: string
  /** Where more of it can be seen. */
  readonly links: { readonly request?: string; readonly dead_letter?: string; readonly trace?: string }
  readonly [field: string]: unknown
}

export interface Timeline {
  readonly trade_id: string
  readonly state: Trade | null
  readonly repair_case: Readonly<Record<string, unknown>> | null
  /** As PostgreSQL has it now. */
  readonly row: { readonly deleted: boolean; readonly partition: number; readonly offset: number; readonly trade: Trade } | null
  readonly versions: readonly Trade[]
  readonly events: readonly TimelineEvent[]
  /** Of which only the newest are there. */
  readonly truncated: { readonly audit: boolean; readonly states: boolean; readonly events: boolean; readonly versions: boolean }
}

export interface RequestStatus {
  readonly request_id: string
  readonly status: 'PENDING' | 'SUCCESS' | 'FAILED'
  readonly trade_id: string | null
  readonly version: number | null
  readonly outcome: string | null
  readonly reason: string | null
}

/** RFC 9457, as the gateway writes it. */
export interface ProblemDocument {
  readonly type?: string
  readonly title?: string
  readonly status?: number
  readonly detail?: string
  readonly errors?: readonly { readonly pointer?: string; readonly parameter?: string; readonly header?: string; readonly detail: string }[]
  readonly request_id?: string
  readonly outcome?: string
}
