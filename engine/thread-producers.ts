import { type Clock, sleep } from '../ports/clock.ts'
import type { KafkaClient, TransactionalProducer } from '../ports/kafka-client.ts'
import { KafkaError } from '../ports/kafka-error.ts'

const FENCED_PAUSE_MS = 1_000

/** Ids of the transactional producers of a thread. */
export function transactionalIds(threadName: string): readonly [string, string] {
  return [`${threadName}-a`, `${threadName}-b`]
}

/** The transactional producers of a stream thread, which take turns. */
export class ThreadProducers {
  readonly all: readonly TransactionalProducer[]
  readonly #clock: Clock
  #isClosed = false

  constructor({ client, clock, name, count, transactionTimeoutMs }: { client: KafkaClient; clock: Clock; name: string; count: 1 | 2; transactionTimeoutMs: number }) {
    this.#clock = clock
    this.all = transactionalIds(name).slice(0, count).map((transactionalId) => client.transactionalProducer({ transactionalId, transactionTimeoutMs }))
  }

  /**
   * Aborts what is open. It waits for brokers that are away; `close` ends that. A producer that somebody fences meanwhile is initialised again: a twin is told apart by the group, which throws one
   * of the two out.
   */
  async initialise(): Promise<void> {
    for (;;) {
      try {
        await Promise.all(this.all.map((producer) => producer.initialise()))
        return
      } catch (error) {
        if (this.#isClosed || !(error instanceof KafkaError) || error.scope !== 'fenced') throw error
        await sleep(this.#clock, FENCED_PAUSE_MS)
      }
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await Promise.all(this.all.map((producer) => producer.close()))
  }
}
