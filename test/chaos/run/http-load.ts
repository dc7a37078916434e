import { setTimeout as delay } from 'node:timers/promises'
import type { Check } from '../../../cli/self-check/check.ts'
import { Differences } from '../../../cli/self-check/check.ts'
import { readTopic } from '../../../cli/self-check/read-topic.ts'
import type { KafkaClient } from '../../../ports/kafka-client.ts'

const PREFIX = 'HTTP-'
const EVERY_MS = 100
const AGAIN_AFTER_MS = 250
const ANSWER_WITHIN_MS = 5_000
/** No fault lasts as long: a gateway that does not take a trade by then does not come back. */
const TAKEN_WITHIN_MS = 120_000

export interface HttpReport {
  /** Trades that the gateway has taken. */
  readonly accepted: number
  /** Requests that failed, or were not answered in time, and were repeated under the same Idempotency-Key. */
  readonly repeated: number
  /** The longest that a trade was repeated until it was taken. */
  readonly longestMs: number
}

/** New trades, one after the other, through the gateway. Each is repeated under its Idempotency-Key until it is taken: whatever was lost on the way, it may be created once only. */
export class HttpLoad {
  /** Ids of trades that were taken, and of the one that may have been. */
  readonly accepted = new Set<string>()
  #underWay: string | undefined
  #repeated = 0
  #longestMs = 0
  #lastAnswer = 'none'
  readonly #url: string

  constructor(url: string) {
    this.#url = url
  }

  get report(): HttpReport {
    return { accepted: this.accepted.size, repeated: this.#repeated, longestMs: this.#longestMs }
  }

  /** What the gateway said last, for people. */
  get lastAnswer(): string {
    return this.#lastAnswer
  }

  /** The last one is repeated until it is taken, also after `signal`. */
  async run(signal: AbortSignal): Promise<void> {
    for (let number = 0; !signal.aborted; number++) {
      const tradeId = `${PREFIX}${number}`
      this.#underWay = tradeId
      const startMs = performance.now()
      while (!(await this.#post(tradeId))) {
        this.#repeated++
        if (performance.now() - startMs > TAKEN_WITHIN_MS) throw new RefusedError(`the gateway has not taken ${tradeId} within ${TAKEN_WITHIN_MS / 1000} s; its last answer: ${this.#lastAnswer}`)
        await delay(AGAIN_AFTER_MS)
      }
      this.#longestMs = Math.max(this.#longestMs, performance.now() - startMs)
      this.accepted.add(tradeId)
      this.#underWay = undefined
      await delay(EVERY_MS)
    }
  }

  /** Each trade was created once; what came besides is known to be a repetition. */
  async check(client: KafkaClient, audit: string): Promise<Check> {
    const created = new Map<string, number>()
    const differences = new Differences()
    let repetitions = 0
    await readTopic(client, audit, (record) => {
      const key = record.hasKey ? record.key.toString() : ''
      if (!key.startsWith(PREFIX)) return
      // written by our own processor
      const { outcome } = JSON.parse(record.value.toString()) as { outcome: string }
      if (outcome === 'CREATED') created.set(key, (created.get(key) ?? 0) + 1)
      else if (outcome === 'DUPLICATE') repetitions++
      else differences.add(`trade ${key} is ${outcome}, expected CREATED, or DUPLICATE for a repetition`)
    })
    for (const tradeId of this.accepted) if (created.get(tradeId) !== 1) differences.add(`trade ${tradeId} was taken and created ${created.get(tradeId) ?? 0} times`)
    for (const tradeId of created.keys()) if (!this.accepted.has(tradeId) && tradeId !== this.#underWay) differences.add(`trade ${tradeId} was created, and never taken`)
    return differences.check('every trade that the gateway has taken was created once', `${this.accepted.size} taken, ${this.#repeated} requests repeated, ${repetitions} repetitions in the log`)
  }

  async #post(tradeId: string): Promise<boolean> {
    const trade = { trade_id: tradeId, version: 1, counterparty_id: 'CP-HTTP', book_id: 'B-HTTP', maturity_date: '2027-05-20', created_date: '2026-12-11' }
    const headers = { 'content-type': 'application/json', 'idempotency-key': tradeId }
    try {
      const answer = await fetch(`${this.#url}/api/v1/trades`, { method: 'POST', headers, body: JSON.stringify(trade), signal: AbortSignal.timeout(ANSWER_WITHIN_MS) })
      this.#lastAnswer = `${answer.status} ${(await answer.text()).slice(0, 300)}`
      // what is refused for good would be repeated for ever
      if (answer.status === 400 || answer.status === 422) throw new RefusedError(`${tradeId}: the gateway answered ${answer.status}`)
      return answer.ok
    } catch (error) {
      if (error instanceof RefusedError) throw error
      this.#lastAnswer = String(error)
      return false
    }
  }
}

class RefusedError extends Error {
  override readonly name = 'RefusedError'
}
