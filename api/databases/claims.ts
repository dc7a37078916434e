import type pg from 'pg'
import type { Claim, IdempotencyClaims } from '../ingest.ts'

/** The gateway's own table; applied like the sink's (see sinks/postgres/migrate.ts), under the component `gateway`. */
export const GATEWAY_MIGRATIONS = [
  {
    version: 1,
    name: 'idempotency keys',
    sql: `
CREATE TABLE idempotency_keys (
  caller text COLLATE "C" NOT NULL,
  key text COLLATE "C" NOT NULL,
  request_id text NOT NULL,
  payload_hash text NOT NULL,
  claimed_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (caller, key)
);
CREATE INDEX idempotency_keys_claimed_at ON idempotency_keys (claimed_at);`,
  },
  {
    version: 2,
    name: 'lists of a book and of a counterparty, page by page',
    sql: `
CREATE INDEX trades_book_id_trade_id ON trades (book_id, trade_id);
CREATE INDEX trades_counterparty_id_trade_id ON trades (counterparty_id, trade_id);`,
  },
] as const

interface Waiting {
  readonly claim: Claim
  readonly resolve: (first: { requestId: string; payloadHash: string }) => void
  readonly reject: (error: unknown) => void
}

const RETENTION = "interval '24 hours'"
const MOST_ROWS = 500
const MOST_WAITING = 10_000
const FORGOTTEN_AT_ONCE = 5_000

// The rows are locked in one order, whoever claims what.
const CLAIM = `
INSERT INTO idempotency_keys AS k (caller, key, request_id, payload_hash)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS a(caller, key, request_id, payload_hash) ORDER BY caller COLLATE "C", key COLLATE "C"
ON CONFLICT (caller, key) DO UPDATE SET request_id = excluded.request_id, payload_hash = excluded.payload_hash, claimed_at = now() WHERE k.claimed_at < now() - ${RETENTION}
RETURNING caller, key, request_id, payload_hash`
// A claim that was there returns nothing above; it stands committed now, since the insert has waited for it.
const READ = `
SELECT k.caller, k.key, k.request_id, k.payload_hash FROM idempotency_keys k JOIN unnest($1::text[], $2::text[]) AS a(caller, key) ON k.caller = a.caller AND k.key = a.key`
// Its age is a condition of its own: a claim that is renewed between the search and the removal is looked at again, and stays.
const FORGET = `
DELETE FROM idempotency_keys WHERE claimed_at < now() - ${RETENTION}
AND (caller, key) IN (SELECT caller, key FROM idempotency_keys WHERE claimed_at < now() - ${RETENTION} LIMIT ${FORGOTTEN_AT_ONCE})`

interface ClaimRow {
  readonly caller: string
  readonly key: string
  readonly request_id: string
  readonly payload_hash: string
}

/**
 * Idempotency keys in PostgreSQL. One statement is under way; what comes meanwhile goes into the next. Where it fails, all that wait fail with it: each statement of its own would take
 * its time to fail, while more come.
 */
export class PostgresClaims implements IdempotencyClaims {
  readonly #pool: Pick<pg.Pool, 'query'>
  #waiting: Waiting[] = []
  #isClaiming = false
  #forgetting: Promise<number> | undefined

  /** `pool`: two connections, one for claims and one for forgetting, whose statements end after some seconds, answered or not. */
  constructor(pool: Pick<pg.Pool, 'query'>) {
    this.#pool = pool
  }

  /** Rejects where the database does not answer, or too many wait for it. */
  claim(claim: Claim): Promise<{ requestId: string; payloadHash: string }> {
    if (this.#waiting.length >= MOST_WAITING) return Promise.reject(new Error(`${MOST_WAITING} claims wait for PostgreSQL`))
    return new Promise((resolve, reject) => {
      this.#waiting.push({ claim, resolve, reject })
      if (!this.#isClaiming) void this.#work()
    })
  }

  /** Removes claims that are past their time, some thousands at a time; answers how many. Whoever asks while it is at it has the same answer. */
  forget(): Promise<number> {
    this.#forgetting ??= this.#forget().finally(() => {
      this.#forgetting = undefined
    })
    return this.#forgetting
  }

  async #forget(): Promise<number> {
    for (let sum = 0; ; ) {
      const removed = (await this.#pool.query(FORGET)).rowCount ?? 0
      sum += removed
      if (removed < FORGOTTEN_AT_ONCE) return sum
    }
  }

  async #work(): Promise<void> {
    this.#isClaiming = true
    // What this turn of the event loop brings goes together.
    await new Promise((resolve) => setImmediate(resolve))
    while (this.#waiting.length > 0) {
      const batch = this.#take()
      try {
        const found = await this.#claim(batch)
        for (const { claim, resolve, reject } of batch) {
          const first = found.get(keyOf(claim))
          if (first === undefined) reject(new Error('the claim was removed while it was read'))
          else resolve({ requestId: first.request_id, payloadHash: first.payload_hash })
        }
      } catch (error) {
        for (const { reject } of [...batch, ...this.#waiting.splice(0)]) reject(error)
      }
    }
    this.#isClaiming = false
  }

  /** One claim of a key at a time: a statement cannot claim it twice. */
  #take(): Waiting[] {
    const keys = new Set<string>()
    const batch: Waiting[] = []
    const rest: Waiting[] = []
    for (const waiting of this.#waiting) {
      const key = keyOf(waiting.claim)
      if (batch.length < MOST_ROWS && !keys.has(key)) batch.push(waiting)
      else rest.push(waiting)
      keys.add(key)
    }
    this.#waiting = rest
    return batch
  }

  async #claim(batch: readonly Waiting[]): Promise<Map<string, ClaimRow>> {
    const claims = batch.map(({ claim }) => claim)
    const callers = claims.map(({ caller }) => caller)
    const keys = claims.map(({ key }) => key)
    const { rows } = await this.#pool.query<ClaimRow>(CLAIM, [callers, keys, claims.map(({ requestId }) => requestId), claims.map(({ payloadHash }) => payloadHash)])
    const found = new Map(rows.map((row) => [keyOf(row), row]))
    if (found.size === batch.length) return found
    for (const row of (await this.#pool.query<ClaimRow>(READ, [callers, keys])).rows) if (!found.has(keyOf(row))) found.set(keyOf(row), row)
    return found
  }
}

function keyOf({ caller, key }: { caller: string; key: string }): string {
  return JSON.stringify([caller, key])
}
