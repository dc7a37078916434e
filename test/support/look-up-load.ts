import { Agent, request } from 'node:http'
import { LatencyHistogram } from '../../observability/latency-histogram.ts'
import type { LookUpAnswer, SeenStates } from './seen-states.ts'

/** More under way than this, and the next one is left out, and counted: the other side does not answer. */
const MOST_UNDER_WAY = 4_000

export interface LookUp {
  readonly path: string
  readonly of: SeenStates
}

/** GETs at a steady rate, at several gateways in turn, each answer held against what is known. */
export class LookUpLoad {
  readonly statuses: Record<string, number> = {}
  /** The first of them. */
  readonly faults: string[] = []
  /** Of answers that were no refusal, from when the question was due. */
  readonly latencies = new LatencyHistogram()
  leftOut = 0
  asked = 0
  /** For how long it went on. */
  elapsedS = 0
  readonly #agent = new Agent({ keepAlive: true, scheduling: 'lifo' })
  readonly #underWay = new Set<Promise<void>>()

  /** Until it is aborted. `next` says what to look up. Rejects where a gateway does not answer at all. */
  async run({ urls, perSecond, next, signal }: { urls: readonly string[]; perSecond: number; next: () => LookUp; signal: AbortSignal }): Promise<void> {
    const startMs = performance.now()
    for (let n = 0; !signal.aborted; ) {
      const now = performance.now()
      for (let dueMs = startMs + (n * 1_000) / perSecond; dueMs < now; dueMs = startMs + (++n * 1_000) / perSecond) this.#start(urls[n % urls.length] ?? '', next(), dueMs)
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    this.elapsedS = (performance.now() - startMs) / 1_000
    await Promise.all(this.#underWay)
    this.#agent.destroy()
  }

  count(...statuses: readonly number[]): number {
    return statuses.reduce((sum, status) => sum + (this.statuses[status] ?? 0), 0)
  }

  #start(url: string, { path, of }: LookUp, dueMs: number): void {
    if (this.#underWay.size >= MOST_UNDER_WAY) {
      this.leftOut++
      return
    }
    this.asked++
    const check = of.ask()
    const call: Promise<void> = this.#get(`${url}${path}`)
      .then((answer) => {
        this.statuses[answer.status] = (this.statuses[answer.status] ?? 0) + 1
        if (answer.status !== 503) this.latencies.record(performance.now() - dueMs)
        this.#note(check(answer))
      })
      .catch((error: unknown) => this.#note(`${of.name}: no answer: ${String(error)}`))
      .finally(() => this.#underWay.delete(call))
    this.#underWay.add(call)
  }

  #note(fault: string | undefined): void {
    if (fault !== undefined && this.faults.length < 20) this.faults.push(fault)
  }

  #get(url: string): Promise<LookUpAnswer> {
    return new Promise((resolve, reject) => {
      request(url, { agent: this.#agent }, (answer) => {
        let body = ''
        answer.setEncoding('utf8').on('data', (chunk: string) => {
          body += chunk
        })
        answer.once('error', reject)
        answer.once('end', () => resolve({ status: answer.statusCode ?? 0, body, retryAfter: answer.headers['retry-after'], contentType: answer.headers['content-type'] }))
      })
        .once('error', reject)
        .end()
    })
  }
}
