import type { Fetcher, KafkaClient } from '../../ports/kafka-client.ts'
import { CommittedCursor } from '../../records/committed-cursor.ts'

/** Counts the committed records of a topic as they come, from the moment it is started on. */
export class TopicCount {
  records = 0
  /** When the first and the last one came, ms since the epoch; 0 before. */
  firstMs = 0
  lastMs = 0
  readonly #fetcher: Fetcher
  readonly #reading: Promise<void>
  #isClosed = false
  #failure: Error | undefined

  private constructor(fetcher: Fetcher) {
    this.#fetcher = fetcher
    this.#reading = this.#read()
  }

  static async start(client: KafkaClient, topic: string): Promise<TopicCount> {
    const [metadata] = await client.topics([topic])
    const partitions = (metadata?.partitions ?? []).map(({ partition }) => ({ topic, partition }))
    const fetcher = client.fetcher({ readCommitted: true })
    for (const { partition, offset } of await client.listOffsets(partitions, 'latest')) fetcher.assign({ topic, partition }, { offset, leaderEpoch: undefined })
    return new TopicCount(fetcher)
  }

  check(): void {
    if (this.#failure !== undefined) throw this.#failure
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#fetcher.wake()
    await this.#reading
    await this.#fetcher.close()
  }

  async #read(): Promise<void> {
    const cursor = new CommittedCursor()
    while (!this.#isClosed) {
      const taken = this.#fetcher.take()
      if (taken === undefined) await this.#fetcher.ready()
      else if (taken.kind === 'failure') {
        this.#failure = new Error(`${taken.topic}-${taken.partition} cannot be read: ${taken.message}`)
        return
      } else {
        const before = this.records
        cursor.reset(taken)
        while (cursor.next()) this.records++
        if (this.records === before) continue
        this.lastMs = Date.now()
        if (before === 0) this.firstMs = this.lastMs
      }
    }
  }
}
