import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Role } from '../../cli/demo/role.ts'
import type { ProcessorStatus } from '../../cli/processor-status.ts'
import { LookUpLoad, type LookUp } from '../support/look-up-load.ts'
import { SeenStates } from '../support/seen-states.ts'
import { brokersOfRun, TradeEnvironment } from '../support/trade-environment.ts'

const PARTITIONS = 6
const SESSION_MS = 6_000
const LOOK_UPS_PER_S = 1_000
/** Trades that change all the time, and how often one of them does. */
const CHANGING = 150
const WRITES_PER_S = 60
/** Requests that are looked up more often than those before them. */
const NEWEST = 300
const TRADE = { counterparty_id: 'CP-1', maturity_date: '2027-05-20', created_date: '2026-12-11' }
const JSON_TYPE = { 'content-type': 'application/json' }
const OUTCOME_FIELDS = ['trade_id', 'version', 'outcome'] as const

describe.skipIf(brokersOfRun === undefined)('a thousand look-ups a second, at two gateways, while processors are killed, stopped, moved and started', { timeout: 300_000 }, () => {
  test('no answer is older than what was seen before, or was never so', async () => {
    const environment = await TradeEnvironment.create({
      settings: { 'business.date': '2026-12-11', 'topics.partitions': String(PARTITIONS), 'membership.sessionTimeoutMs': String(SESSION_MS), 'membership.rebalanceTimeoutMs': String(SESSION_MS), 'transaction.timeoutMs': '5000' },
    })
    onTestFinished(() => environment.close())
    const instance = (name: string): Role<ProcessorStatus> => environment.processor({ name, settings: { 'data.dir': join(environment.folder, name) } })
    const tasks = (...roles: readonly Role<ProcessorStatus>[]) => roles.map(({ status }) => status?.running.length ?? 0)
    const share = (what: string, ...roles: readonly Role<ProcessorStatus>[]) =>
      environment.until(what, () => tasks(...roles).every((count) => count > 0) && new Set(roles.flatMap(({ status }) => status?.running ?? [])).size === PARTITIONS)

    let first = instance('first')
    const gateways = [environment.gateway({ name: 'gateway 1' }), environment.gateway({ name: 'gateway 2' })]
    const urls = await Promise.all(gateways.map((gateway) => environment.listening(gateway)))
    await environment.running(first)
    let second = instance('second')
    await share('two share the tasks', first, second)

    const writer = new Writer(urls)
    await writer.settle()
    const stop = new AbortController()
    const load = new LookUpLoad()
    const writing = writer.run(stop.signal)
    const looking = load.run({ urls, perSecond: LOOK_UPS_PER_S, next: () => writer.any(), signal: stop.signal })
    onTestFinished(async () => {
      stop.abort()
      await Promise.allSettled([writing, looking])
    })
    const answered = (what: string) => {
      const before = load.count(200)
      return environment.until(what, () => load.count(200) > before + 2 * LOOK_UPS_PER_S)
    }

    await answered('everything runs')
    const third = instance('third')
    await share('a third one has its share', first, second, third)
    await answered('three answer')
    first.kill()
    await first.ended
    first = instance('first')
    await share('the killed one is back', first, second, third)
    await answered('it answers')
    second.kill('SIGSTOP')
    await share('the others have the tasks of the stopped one', first, third)
    await answered('they answer')
    second.kill('SIGCONT')
    await answered('it has woken up')
    await share('it has tasks again', first, second, third)
    await environment.stop(third)
    await share('what has left is taken over', first, second)
    first.kill('SIGSTOP')
    await environment.until('it is stopped', () => environment.stopped(first))
    await new Promise((resolve) => setTimeout(resolve, SESSION_MS / 3))
    first.kill('SIGCONT')
    await answered('a short sleep is over')
    second.kill()
    await second.ended
    await environment.running(first)
    await answered('one has everything')
    second = instance('second')
    await share('both have their share', first, second)
    await answered('both answer')
    writer.pause()
    await environment.until('every request was seen to end', () => writer.isThrough || load.faults.length > 0, 60_000)
    stop.abort()
    await Promise.all([writing, looking])

    const { statuses, latencies, elapsedS, asked, leftOut, faults } = load
    const percentiles = [0.5, 0.95, 0.99].map((part) => `${latencies.percentileMs(part)?.toFixed(1)} ms`).join(', ')
    process.stdout.write(`look-ups: ${asked} in ${elapsedS.toFixed(0)} s (${(asked / elapsedS).toFixed(0)}/s), by status ${JSON.stringify(statuses)}, left out ${leftOut}; p50, p95, p99 of those that were answered: ${percentiles}; ${writer.written} writes\n`)
    expect(faults).toEqual([])
    expect(Object.keys(statuses).toSorted()).toEqual(['200', '404', '503'])
    expect(load.count(200)).toBeGreaterThan(20 * LOOK_UPS_PER_S)
    expect(writer.written).toBeGreaterThan(CHANGING)
  })
})

interface Pair {
  readonly trade: SeenStates
  readonly tradeId: string
  version: number
  /** The last write, which the next one waits for. */
  writing: Promise<void>
}

/** Writes trades, and knows what may be seen of them and of their requests. */
class Writer {
  readonly #urls: readonly string[]
  /** Of trades and requests that have ended, and of what never was. */
  readonly #settled: LookUp[] = []
  readonly #changing: Pair[] = Array.from({ length: CHANGING }, (_, n) => pairOf(`C${n}`))
  readonly #requests: LookUp[] = []
  #isPaused = false
  written = 0

  constructor(urls: readonly string[]) {
    this.#urls = urls
  }

  /** What does not change any more: accepted, refused, deleted, never there. */
  async settle(): Promise<void> {
    for (let n = 0; n < 60; n++) {
      const pair = pairOf(`S${n}`)
      await this.#write(pair, this.#settled, true)
      if (n % 3 === 1) await this.#refused(pair)
      if (n % 3 === 2) await this.#deleted(pair)
      this.#settled.push({ path: pathOf(pair), of: pair.trade })
    }
    const nothing = { first: undefined, volatile: [] }
    this.#settled.push({ path: '/api/v1/trades/NEVER', of: new SeenStates({ name: 'NEVER', ...nothing }) })
    const forged = this.#settled[0]?.path.replace(/.$/, (last) => (last === '0' ? '1' : '0')) ?? ''
    this.#settled.push({ path: forged, of: new SeenStates({ name: 'a forged id', ...nothing }) })
  }

  async run(signal: AbortSignal): Promise<void> {
    for (let n = 0; !signal.aborted; n++) {
      const pair = this.#changing[n % CHANGING]
      if (pair !== undefined && !this.#isPaused) {
        pair.writing = pair.writing.then(() => this.#write(pair, this.#requests, false))
        // Looked at in the end.
        pair.writing.catch(() => {})
      }
      await new Promise((resolve) => setTimeout(resolve, 1_000 / WRITES_PER_S))
    }
    await Promise.all(this.#changing.map(({ writing }) => writing))
  }

  /** Nothing is written any more. */
  pause(): void {
    this.#isPaused = true
  }

  get isThrough(): boolean {
    return [...this.#requests, ...this.#settled].every(({ of }) => of.isThrough) && this.#changing.every(({ trade }) => trade.isThrough)
  }

  /** Something to look up: settled, changing, and requests, most of them new. Once nothing is written any more, what has not ended. */
  any(): LookUp {
    const kind = Math.random()
    if (kind < 0.2) return pick(this.#settled)
    if (kind < 0.5 || this.#requests.length === 0) {
      const pair = pick(this.#changing)
      return { path: pathOf(pair), of: pair.trade }
    }
    if (this.#isPaused) return this.#requests.find(({ of }) => !of.isThrough) ?? pick(this.#requests)
    return pick(kind < 0.9 ? this.#requests.slice(-NEWEST) : this.#requests)
  }

  async #write(pair: Pair, requests: LookUp[], waits: boolean): Promise<void> {
    const version = ++pair.version
    const fields = { trade_id: pair.tradeId, version, book_id: `B${version}`, ...TRADE }
    const step = pair.trade.mayBecome({ ...fields, expired: false })
    await this.#post(fields, { waits, expected: waits ? 201 : 202, requests, outcome: version === 1 ? 'CREATED' : 'UPDATED', pair, step, status: 'SUCCESS' })
  }

  /** Of an older version than there is. */
  async #refused(pair: Pair): Promise<void> {
    await this.#write(pair, this.#settled, false)
    const fields = { trade_id: pair.tradeId, version: 1, book_id: 'B1', ...TRADE }
    await this.#post(fields, { waits: true, expected: 400, requests: this.#settled, outcome: 'STALE_VERSION', pair, step: pair.trade.last, status: 'FAILED' })
  }

  async #deleted(pair: Pair): Promise<void> {
    const step = pair.trade.mayBecome(undefined)
    const answer = await fetch(`${this.#urls[0]}${pathOf(pair)}`, { method: 'DELETE', headers: { prefer: 'wait=30' } })
    expect(answer.status).toBe(200)
    pair.trade.reached(step)
  }

  async #post(fields: { trade_id: string; version: number }, { waits, expected, requests, outcome, pair, step, status }: { waits: boolean; expected: number; requests: LookUp[]; outcome: string; pair: Pair; step: number; status: 'SUCCESS' | 'FAILED' }): Promise<void> {
    const url = this.#urls[this.written++ % this.#urls.length]
    const answer = await fetch(`${url}/api/v1/trades`, { method: 'POST', headers: { ...JSON_TYPE, ...(waits && { prefer: 'wait=30' }) }, body: JSON.stringify(fields) })
    const body: unknown = await answer.json()
    expect([answer.status, body]).toEqual([expected, expect.objectContaining({ request_id: expect.any(String) })])
    const id = (body as { request_id: string }).request_id // as was just seen
    // What became of the request has become of the trade.
    const seen = (of: number) => of === 1 && pair.trade.reached(step)
    const pending = { request_id: id, status: 'PENDING', ...Object.fromEntries(OUTCOME_FIELDS.map((name) => [name, null])) }
    const request = new SeenStates({ name: `request ${id}`, first: pending, volatile: ['reason'], seen })
    const ended = request.mayBecome({ request_id: id, status, trade_id: fields.trade_id, version: fields.version, outcome })
    if (waits) {
      request.reached(ended)
      pair.trade.reached(step)
    }
    requests.push({ path: `/api/v1/requests/${id}`, of: request })
  }
}

function pairOf(tradeId: string): Pair {
  return { tradeId, version: 0, writing: Promise.resolve(), trade: new SeenStates({ name: tradeId, first: undefined, volatile: ['last_updated'] }) }
}

function pathOf({ tradeId }: Pair): string {
  return `/api/v1/trades/${tradeId}`
}

function pick<T>(list: readonly T[]): T {
  const found = list[Math.floor(Math.random() * list.length)]
  if (found === undefined) throw new Error('nothing to pick from')
  return found
}
