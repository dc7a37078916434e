import { setTimeout as delay } from 'node:timers/promises'
import { readTopic } from '../../../cli/self-check/read-topic.ts'
import type { Check } from '../../../cli/self-check/check.ts'
import type { KafkaClient } from '../../../ports/kafka-client.ts'
import { checkCreated } from './check-created.ts'

const PREFIX = 'HTTP-'
const EVERY_MS = 100
const AGAIN_AFTER_MS = 250
const ANSWER_WITHIN_MS = 5_000
/** Trades between two requests that let trades expire. */
const EXPIRE_EVERY = 20
/** No fault lasts as long: a gateway that does not take a trade by then, or does not know what became of it, does not come back. */
const TAKEN_WITHIN_MS = 120_000
/** Trades whose outcome is asked for at a time. The others, of an outage for instance, are asked for in the end. */
const MOST_ASKED_FOR = 5

export interface HttpReport {
  /** Trades that the gateway has taken. */
  readonly accepted: number
  /** Requests that failed, or were not answered in time, and were repeated under the same Idempotency-Key. */
  readonly repeated: number
  /** The longest that a trade was repeated until it was taken. */
  readonly longestMs: number
  /** Trades of which the gateway has told the outcome. */
  readonly settled: number
}

interface Taken {
  readonly number: number
  readonly requestId: string
}

interface Answer {
  readonly status: number
  readonly text: string
}

/**
 * New trades, one after the other, through the gateway. Each is repeated under its Idempotency-Key until it is taken: whatever was lost on the way, it may be created once only.
 * Of each the gateway is asked what became of it, until it says so: at once, or when no more trades are sent.
 */
export class HttpLoad {
  /** Ids of trades that were taken, and of the one that may have been. */
  readonly accepted = new Set<string>()
  /** The number of the trade that is sent next. */
  begun = 0
  /** The highest number of a trade that was taken and of which the gateway has said that it succeeded; -1: none. */
  settledUpTo = -1
  #underWay: string | undefined
  readonly #asking = new Set<Promise<void>>()
  /** For the end. */
  readonly #unasked: Taken[] = []
  /** What the gateway said last of trades that it took, as long as that is not SUCCESS. */
  readonly #notSettled = new Map<string, string>()
  #settled = 0
  #repeated = 0
  #longestMs = 0
  #lastAnswer = 'none'
  #lastExpiry = 'nothing'
  readonly #url: string
  readonly #pause: (ms: number) => Promise<unknown>

  /** `pause`: between requests. Default: a timer. */
  constructor(url: string, pause: (ms: number) => Promise<unknown> = delay) {
    this.#url = url
    this.#pause = pause
  }

  get report(): HttpReport {
    return { accepted: this.accepted.size, repeated: this.#repeated, longestMs: this.#longestMs, settled: this.#settled }
  }

  /** What the gateway said last, for people. */
  get lastAnswer(): string {
    return this.#lastAnswer
  }

  /** What the gateway said last of expiry, for people. */
  get lastExpiry(): string {
    return this.#lastExpiry
  }

  /** The last one is repeated until it is taken, and the outcome of each is asked for until it is told, also after `signal`. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const number = this.begun++
      const tradeId = `${PREFIX}${number}`
      this.#underWay = tradeId
      const startMs = performance.now()
      let requestId: string | undefined
      while ((requestId = await this.#post(tradeId)) === undefined) {
        this.#repeated++
        if (performance.now() - startMs > TAKEN_WITHIN_MS) throw new RefusedError(`the gateway has not taken ${tradeId} within ${TAKEN_WITHIN_MS / 1000} s; its last answer: ${this.#lastAnswer.slice(0, 300)}`)
        await this.#pause(AGAIN_AFTER_MS)
      }
      this.#longestMs = Math.max(this.#longestMs, performance.now() - startMs)
      this.accepted.add(tradeId)
      this.#underWay = undefined
      this.#notSettled.set(tradeId, 'nothing yet')
      if (this.#asking.size < MOST_ASKED_FOR) this.#ask({ number, requestId })
      else this.#unasked.push({ number, requestId })
      if (number % EXPIRE_EVERY === 0) await this.expire()
      await this.#pause(EVERY_MS)
    }
    while (this.#asking.size > 0 || this.#unasked.length > 0) {
      for (const taken of this.#unasked.splice(0, MOST_ASKED_FOR - this.#asking.size)) this.#ask(taken)
      await Promise.race(this.#asking)
    }
  }

  /** Lets expire what is due; answers how many trades, `undefined`: there is no answer. */
  async expire(): Promise<number | undefined> {
    const answer = await this.#fetch('/api/v1/expire-trades', { method: 'POST' }).catch((error: unknown) => ({ status: 0, text: String(error) }))
    this.#lastExpiry = `${answer.status} ${answer.text}`
    // as the gateway describes itself
    return answer.status === 200 ? (JSON.parse(answer.text) as { expired: number }).expired : undefined
  }

  async check(client: KafkaClient, audit: string): Promise<Check> {
    const audits: { tradeId: string; outcome: string }[] = []
    await readTopic(client, audit, (record) => {
      const tradeId = record.hasKey ? record.key.toString() : ''
      // written by our own processor
      if (tradeId.startsWith(PREFIX)) audits.push({ tradeId, outcome: (JSON.parse(record.value.toString()) as { outcome: string }).outcome })
    })
    return checkCreated({ taken: this.accepted, underWay: this.#underWay, notSettled: this.#notSettled }, audits)
  }

  #ask({ number, requestId }: Taken): void {
    const tradeId = `${PREFIX}${number}`
    const asking = this.#isSuccess(requestId, (said) => this.#notSettled.set(tradeId, said)).then((isSuccess) => {
      this.#asking.delete(asking)
      if (!isSuccess) return
      this.#notSettled.delete(tradeId)
      this.#settled++
      this.settledUpTo = Math.max(this.settledUpTo, number)
    })
    this.#asking.add(asking)
  }

  /** Until the gateway says so, or what it says is final, or took too long; `hear` is told each other answer. */
  async #isSuccess(requestId: string, hear: (said: string) => void): Promise<boolean> {
    const startMs = performance.now()
    for (;;) {
      const { status, text } = await this.#fetch(`/api/v1/requests/${requestId}`, { headers: { prefer: 'wait=2' } }).catch((error: unknown) => ({ status: 0, text: String(error) }))
      if (status === 200 && text.includes('"status":"SUCCESS"')) return true
      hear(`${status} ${text}`)
      const isFinal = [400, 404, 410].includes(status) || text.includes('"status":"FAILED"')
      if (isFinal || performance.now() - startMs > TAKEN_WITHIN_MS) return false
      await this.#pause(AGAIN_AFTER_MS)
    }
  }

  /** Answers the id of the request; `undefined`: it was not taken, or nobody knows. */
  async #post(tradeId: string): Promise<string | undefined> {
    const trade = { trade_id: tradeId, version: 1, counterparty_id: 'CP-HTTP', book_id: 'B-HTTP', maturity_date: '2027-05-20', created_date: '2026-12-11' }
    const headers = { 'content-type': 'application/json', 'idempotency-key': tradeId }
    try {
      const { status, text } = await this.#fetch('/api/v1/trades', { method: 'POST', headers, body: JSON.stringify(trade) })
      this.#lastAnswer = `${status} ${text}`
      // what is refused for good would be repeated for ever
      if (status === 400 || status === 422) throw new RefusedError(`${tradeId}: the gateway answered ${status}`)
      // as the gateway describes itself
      return status >= 200 && status < 300 ? (JSON.parse(text) as { request_id: string }).request_id : undefined
    } catch (error) {
      if (error instanceof RefusedError) throw error
      this.#lastAnswer = String(error)
      return undefined
    }
  }

  async #fetch(path: string, request: RequestInit): Promise<Answer> {
    const answer = await fetch(`${this.#url}${path}`, { ...request, signal: AbortSignal.timeout(ANSWER_WITHIN_MS) })
    return { status: answer.status, text: await answer.text() }
  }
}

class RefusedError extends Error {
  override readonly name = 'RefusedError'
}
