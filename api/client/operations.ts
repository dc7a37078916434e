// Written by npm run client, from the OpenAPI of the gateway; a test compares the two. What the calls mean is said there, and at /docs of a gateway.

export type BatchResult = { readonly index: number; readonly status: number; readonly request?: Request; readonly problem?: Problem }

export type Problem = { readonly type: string; readonly title: string; readonly status: number; readonly detail?: string; readonly errors?: readonly ({ readonly pointer?: string; readonly parameter?: string; readonly header?: string; readonly detail: string })[]; readonly request_id?: string; readonly outcome?: string; readonly trade_id?: string | null; readonly version?: number | null }

export type Request = { readonly request_id: string; readonly status: "PENDING" | "SUCCESS" | "FAILED"; readonly trade_id: string | null; readonly version: number | null; readonly outcome: string | null; readonly reason: string | null }

export type StoredTrade = { readonly trade_id: string; readonly version: number; readonly counterparty_id: string; readonly book_id: string; readonly maturity_date: string; readonly created_date: string; readonly expired: boolean; readonly last_updated: string; readonly [name: string]: unknown }

export type Trade = { readonly trade_id: string; readonly version: number; readonly counterparty_id: string; readonly book_id: string; readonly maturity_date: string; readonly created_date: string; readonly [name: string]: unknown }

export interface Operations {
  /** Delete a trade */
  deleteTrade: {
    request: {
      path: { id: string }
      query?: { trade_id?: string }
      header?: { prefer?: string; 'idempotency-key'?: string; traceparent?: string }
    }
    answers: {
      200: Request
      202: Request
      400: Problem
      403: Problem
      404: Problem
      413: Problem
      415: Problem
      422: Problem
      429: Problem
      503: Problem
    }
  }
  /** Run expiry now, in all instances */
  expireTrades: {
    request: Record<string, never>
    answers: {
      200: { readonly expired: number }
      403: Problem
      429: Problem
      503: Problem
    }
  }
  /** One dead letter, with who has sent it again */
  getDeadLetter: {
    request: {
      path: { id: string }
    }
    answers: {
      200: { readonly id: string; readonly timestamp: string; readonly trade_id: string | null; readonly key_base64: string | null; readonly value_base64: string | null; readonly value_text: string | null; readonly headers: readonly ({ readonly key: string; readonly value: string | null })[]; readonly error: { readonly exception: string | null; readonly message: string | null; readonly topic: string | null; readonly partition: number | null; readonly offset: number | null }; readonly dropped: readonly (string)[]; readonly replayable: boolean; readonly replays: readonly ({ readonly at: string; readonly by: string; readonly edited: boolean; readonly request_id: string })[] }
      400: Problem
      404: Problem
      503: Problem
    }
  }
  /** What works and what is away */
  getHealth: {
    request: Record<string, never>
    answers: {
      200: { readonly status: "up" | "degraded"; readonly parts: { readonly kafka: { readonly up: boolean; readonly detail?: string }; readonly processor: { readonly up: boolean; readonly detail?: string }; readonly postgres: { readonly up: boolean; readonly detail?: string }; readonly mongo: { readonly up: boolean; readonly detail?: string } } }
    }
  }
  /** Rates, outcomes, latency and lag of the last 15 minutes, as this gateway has seen them; the oldest first */
  getHistory: {
    request: Record<string, never>
    answers: {
      200: { readonly step_ms: number; readonly now: string; readonly samples: readonly ({ readonly at: string; readonly in_per_second: number; readonly committed_per_second: number; readonly outcomes_per_second: { readonly [name: string]: number }; readonly lag: { readonly [name: string]: number }; readonly latency_ms: { readonly p50: number; readonly p99: number } | null })[] }
    }
  }
  /** What became of a request */
  getRequest: {
    request: {
      path: { id: string }
      header?: { prefer?: string }
    }
    answers: {
      200: Request
      400: Problem
      404: Problem
      410: Problem
      503: Problem
    }
  }
  /** Counts, outcomes and rates of the last minute, lag of each group; some seconds old */
  getStatistics: {
    request: Record<string, never>
    answers: {
      200: { readonly trades: { readonly [name: string]: number }; readonly outcomes_last_minute: { readonly [name: string]: number }; readonly rates_per_second: { readonly [name: string]: number }; readonly lag: { readonly [name: string]: number } }
      503: Problem
    }
  }
  /** All that happened to one trade, in one answer */
  getTimeline: {
    request: {
      path: { id: string }
      query?: { trade_id?: string }
      header?: { consistency?: string }
    }
    answers: {
      200: { readonly trade_id: string; readonly state: unknown; readonly repair_case: unknown; readonly row: unknown; readonly versions: readonly (unknown)[]; readonly truncated: { readonly audit: boolean; readonly states: boolean; readonly events: boolean; readonly versions: boolean }; readonly events: readonly ({ readonly kind: "audit" | "state" | "event"; readonly id: string; readonly timestamp: string; readonly trace_id?: string; readonly links: { readonly request?: string; readonly dead_letter?: string; readonly trace?: string }; readonly [name: string]: unknown })[] }
      400: Problem
      404: Problem
      503: Problem
    }
  }
  /** Sources, processors, stores and sinks of the application, with rates, lag and store sizes */
  getTopology: {
    request: Record<string, never>
    answers: {
      200: { readonly sub_topologies: readonly ({ readonly id: number; readonly nodes: readonly ({ readonly name: string; readonly type: "source" | "processor" | "sink" | "store"; readonly topics: readonly (string)[]; readonly successors: readonly (string)[]; readonly stores: readonly (string)[]; readonly records_per_second: number | null; readonly records_total: number | null })[] })[]; readonly lag: { readonly [name: string]: number }; readonly stores: readonly ({ readonly name: string; readonly entries: number; readonly size_bytes: number; readonly tasks: number })[] }
      503: Problem
    }
  }
  /** The latest state of a trade, from the state store of the instance that owns it */
  getTrade: {
    request: {
      path: { id: string }
      query?: { trade_id?: string }
    }
    answers: {
      200: StoredTrade
      400: Problem
      404: Problem
      503: Problem
    }
  }
  /** Audit entries, the newest first, page by page */
  listAudit: {
    request: {
      query?: { trade_id?: string; action?: string; status?: string; outcome?: string; from?: string; to?: string; limit?: number; cursor?: string }
      header?: { consistency?: string }
    }
    answers: {
      200: { readonly items: readonly ({ readonly id: string; readonly timestamp: string; readonly [name: string]: unknown })[]; readonly next: string | null }
      400: Problem
      404: Problem
      503: Problem
    }
  }
  /** The trades of a book, page by page */
  listBook: {
    request: {
      path: { id: string }
      query?: { expired?: boolean; maturity_from?: string; maturity_to?: string; limit?: number; cursor?: string }
      header?: { consistency?: string }
    }
    answers: {
      200: { readonly items: readonly (StoredTrade)[]; readonly next: string | null }
      400: Problem
      404: Problem
      503: Problem
    }
  }
  /** Dead letters, the newest first, page by page */
  listDeadLetters: {
    request: {
      query?: { limit?: number; cursor?: string }
    }
    answers: {
      200: { readonly items: readonly ({ readonly id: string; readonly timestamp: string; readonly trade_id: string | null; readonly key_base64: string | null; readonly value_base64: string | null; readonly value_text: string | null; readonly headers: readonly ({ readonly key: string; readonly value: string | null })[]; readonly error: { readonly exception: string | null; readonly message: string | null; readonly topic: string | null; readonly partition: number | null; readonly offset: number | null }; readonly dropped: readonly (string)[]; readonly replayable: boolean; readonly replays: readonly ({ readonly at: string; readonly by: string; readonly edited: boolean; readonly request_id: string })[] })[]; readonly next: string | null }
      400: Problem
      431: Problem
      503: Problem
    }
  }
  /** Groups of the processor and the sinks: members, and per partition offsets, lag and owner; a second old at most */
  listGroups: {
    request: Record<string, never>
    answers: {
      200: { readonly groups: readonly ({ readonly group: string; readonly role: "processor" | "sink-postgres" | "sink-mongo"; readonly state: string; readonly lag: number; readonly lag_seconds: number | null; readonly members: readonly ({ readonly member_id: string; readonly client_id: string; readonly host: string; readonly instance_id: string | null })[]; readonly partitions: readonly ({ readonly topic: string; readonly partition: number; readonly committed_offset: number | null; readonly end_offset: number; readonly lag: number; readonly lag_seconds: number | null; readonly owner: string | null })[] })[] }
      503: Problem
    }
  }
  /** Stream threads and sinks, with their tasks and how far restores have got; assignments as they changed, as far as this gateway has seen them */
  listInstances: {
    request: Record<string, never>
    answers: {
      200: { readonly instances: readonly ({ readonly instance_id: string; readonly role: "processor" | "sink-postgres" | "sink-mongo"; readonly address: string | null; readonly reachable: boolean; readonly error?: string; readonly started_at: string | null; readonly rss_bytes: number | null; readonly cpu_seconds: number | null; readonly state: string | null; readonly tasks: readonly ({ readonly task: string; readonly state: string; readonly restore_remaining: number | null; readonly committed_offset: number | null; readonly records_per_second: number | null; readonly stores: readonly ({ readonly name: string; readonly entries: number; readonly size_bytes: number })[] })[] })[]; readonly rebalances: readonly ({ readonly at: string; readonly group: string; readonly generation: number | null; readonly owners: { readonly [name: string]: readonly (string)[] } })[] }
      503: Problem
    }
  }
  /** What happened to instances and sinks, the newest first: rebalances, pauses and by whom, databases that were away */
  listOperationalEvents: {
    request: {
      query?: { event_type?: string; severity?: string; from?: string; to?: string; limit?: number }
    }
    answers: {
      200: { readonly items: readonly ({ readonly id: string; readonly timestamp: string; readonly event_type: string; readonly severity: string; readonly data: { readonly [name: string]: unknown }; readonly [name: string]: unknown })[] }
      400: Problem
      503: Problem
    }
  }
  /** The sinks: rows, writes, retries, circuit breaker, lag */
  listSinks: {
    request: Record<string, never>
    answers: {
      200: { readonly sinks: readonly ({ readonly group: string; readonly role: "processor" | "sink-postgres" | "sink-mongo"; readonly state: "running" | "paused" | "partly-paused" | "retrying" | "stopped" | "unknown"; readonly lag: number; readonly instances: readonly ({ readonly instance_id: string; readonly reachable: boolean; readonly error?: string; readonly paused: boolean; readonly circuit: "closed" | "open" | "half-open" | null; readonly rows_total: number; readonly rows_per_second: number | null; readonly batch_rows_mean: number | null; readonly write_ms: { readonly p50: number; readonly p99: number } | null; readonly retries_total: number; readonly dead_letters_total: number; readonly last_error: string | null })[] })[] }
      503: Problem
    }
  }
  /** Trades, page by page, by trade_id */
  listTrades: {
    request: {
      query?: { book?: string; counterparty?: string; expired?: boolean; maturity_from?: string; maturity_to?: string; limit?: number; cursor?: string }
      header?: { consistency?: string }
    }
    answers: {
      200: { readonly items: readonly (StoredTrade)[]; readonly next: string | null }
      400: Problem
      404: Problem
      503: Problem
    }
  }
  /** All versions of a trade, each with its last accepted content, from the lowest */
  listVersions: {
    request: {
      path: { id: string }
      query?: { from?: number; limit?: number; cursor?: string; trade_id?: string }
      header?: { consistency?: string }
    }
    answers: {
      200: { readonly items: readonly (StoredTrade)[]; readonly next: string | null }
      400: Problem
      404: Problem
      503: Problem
    }
  }
  /** Stop taking records from Kafka, in all instances */
  pauseSink: {
    request: {
      path: { group: string }
    }
    answers: {
      200: { readonly group: string; readonly role: "processor" | "sink-postgres" | "sink-mongo"; readonly state: "running" | "paused" | "partly-paused" | "retrying" | "stopped" | "unknown"; readonly lag: number; readonly instances: readonly ({ readonly instance_id: string; readonly reachable: boolean; readonly error?: string; readonly paused: boolean; readonly circuit: "closed" | "open" | "half-open" | null; readonly rows_total: number; readonly rows_per_second: number | null; readonly batch_rows_mean: number | null; readonly write_ms: { readonly p50: number; readonly p99: number } | null; readonly retries_total: number; readonly dead_letters_total: number; readonly last_error: string | null })[] }
      400: Problem
      403: Problem
      404: Problem
      409: Problem
      429: Problem
      503: Problem
    }
  }
  /** Send a trade */
  postTrade: {
    request: {
      header?: { prefer?: string; 'idempotency-key'?: string; traceparent?: string }
      body: Trade
    }
    answers: {
      200: Request
      201: Request
      202: Request
      400: Problem
      403: Problem
      413: Problem
      415: Problem
      422: Problem
      429: Problem
      503: Problem
    }
  }
  /** Send many trades */
  postTrades: {
    request: {
      header?: { prefer?: string; 'idempotency-key'?: string }
      body: readonly (Trade)[]
    }
    answers: {
      207: { readonly results: readonly (BatchResult)[] }
      400: Problem
      403: Problem
      415: Problem
      429: Problem
      503: Problem
    }
  }
  /** Send a dead letter again, as it was or with another value, to the topic that it came from */
  replayDeadLetter: {
    request: {
      path: { id: string }
      header?: { 'idempotency-key'?: string }
      body: { readonly value_text?: string; readonly value_base64?: string; readonly again?: boolean; readonly confirm: true }
    }
    answers: {
      202: Request
      400: Problem
      403: Problem
      404: Problem
      409: Problem
      413: Problem
      415: Problem
      422: Problem
      429: Problem
      503: Problem
    }
  }
  /** Go on, in all instances */
  resumeSink: {
    request: {
      path: { group: string }
    }
    answers: {
      200: { readonly group: string; readonly role: "processor" | "sink-postgres" | "sink-mongo"; readonly state: "running" | "paused" | "partly-paused" | "retrying" | "stopped" | "unknown"; readonly lag: number; readonly instances: readonly ({ readonly instance_id: string; readonly reachable: boolean; readonly error?: string; readonly paused: boolean; readonly circuit: "closed" | "open" | "half-open" | null; readonly rows_total: number; readonly rows_per_second: number | null; readonly batch_rows_mean: number | null; readonly write_ms: { readonly p50: number; readonly p99: number } | null; readonly retries_total: number; readonly dead_letters_total: number; readonly last_error: string | null })[] }
      400: Problem
      403: Problem
      404: Problem
      409: Problem
      429: Problem
      503: Problem
    }
  }
  /** What is committed, as it is committed: audit entries and states of trades */
  streamEvents: {
    request: {
      query?: { trade_id?: string | readonly (string)[]; book?: string | readonly (string)[]; outcome?: string | readonly (string)[]; last_event_id?: string }
      header?: { 'last-event-id'?: string }
    }
    answers: {
      200: string
      400: Problem
      503: Problem
    }
  }
}

export const OPERATIONS = {
  deleteTrade: { method: 'DELETE', path: '/api/v1/trades/{id}' },
  expireTrades: { method: 'POST', path: '/api/v1/expire-trades' },
  getDeadLetter: { method: 'GET', path: '/api/v1/dead-letters/{id}' },
  getHealth: { method: 'GET', path: '/api/v1/health' },
  getHistory: { method: 'GET', path: '/api/v1/statistics/history' },
  getRequest: { method: 'GET', path: '/api/v1/requests/{id}' },
  getStatistics: { method: 'GET', path: '/api/v1/statistics' },
  getTimeline: { method: 'GET', path: '/api/v1/trades/{id}/timeline' },
  getTopology: { method: 'GET', path: '/api/v1/topology' },
  getTrade: { method: 'GET', path: '/api/v1/trades/{id}' },
  listAudit: { method: 'GET', path: '/api/v1/audit-logs' },
  listBook: { method: 'GET', path: '/api/v1/trades/book/{id}' },
  listDeadLetters: { method: 'GET', path: '/api/v1/dead-letters' },
  listGroups: { method: 'GET', path: '/api/v1/groups' },
  listInstances: { method: 'GET', path: '/api/v1/instances' },
  listOperationalEvents: { method: 'GET', path: '/api/v1/operational-events' },
  listSinks: { method: 'GET', path: '/api/v1/sinks' },
  listTrades: { method: 'GET', path: '/api/v1/trades' },
  listVersions: { method: 'GET', path: '/api/v1/trades/{id}/versions' },
  pauseSink: { method: 'POST', path: '/api/v1/sinks/{group}/pause' },
  postTrade: { method: 'POST', path: '/api/v1/trades' },
  postTrades: { method: 'POST', path: '/api/v1/trades:batch' },
  replayDeadLetter: { method: 'POST', path: '/api/v1/dead-letters/{id}/replay' },
  resumeSink: { method: 'POST', path: '/api/v1/sinks/{group}/resume' },
  streamEvents: { method: 'GET', path: '/api/v1/events' },
} as const satisfies Record<keyof Operations, { method: string; path: string }>
