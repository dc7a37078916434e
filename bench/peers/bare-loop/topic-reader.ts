import { type ConnectedKafka, connectKafka } from '../../../cli/kafka.ts'
import { loadSettings } from '../../../config/load-settings.ts'
import type { Fetcher } from '../../../ports/kafka-client.ts'
import { CommittedCursor } from '../../../records/committed-cursor.ts'

const TOLD_EVERY_MS = 100

/** All partitions of some topics from their start, by a program of its own that goes on until SIGTERM and says on standard output how far it is. No group, no progress. */
export class TopicReader {
  isStopping = false
  readonly #kafka: ConnectedKafka
  readonly #fetcher: Fetcher
  readonly #cursor = new CommittedCursor()
  readonly #telling: NodeJS.Timeout
  #written = 0

  private constructor(kafka: ConnectedKafka) {
    this.#kafka = kafka
    this.#fetcher = kafka.client.fetcher({ readCommitted: true })
    this.#telling = setInterval(() => console.log(`WRITTEN ${this.#written}`), TOLD_EVERY_MS)
    process.once('SIGTERM', () => {
      this.isStopping = true
      this.#fetcher.wake()
    })
  }

  static async start(brokers: string, topics: readonly string[]): Promise<TopicReader> {
    const kafka = connectKafka(loadSettings(new Map(), {}).values, brokers, 'bare-loop')
    const found = await kafka.client.topics(topics)
    const partitions = found.flatMap((metadata, at) => (metadata?.partitions ?? []).map(({ partition }) => ({ topic: topics[at] ?? '', partition })))
    const reader = new TopicReader(kafka)
    for (const { topic, partition, offset } of await kafka.client.listOffsets(partitions, 'earliest')) reader.#fetcher.assign({ topic, partition }, { offset, leaderEpoch: undefined })
    console.log('RUNNING')
    return reader
  }

  /** What has arrived, up to so many records and the rest of the last chunk; nothing when it is stopping. The cursor's views are valid during the call. */
  async next<Row>(atLeast: number, read: (cursor: CommittedCursor, topic: string, partition: number) => Row): Promise<Row[]> {
    const rows: Row[] = []
    while (rows.length < atLeast) {
      const chunk = this.#fetcher.take()
      if (chunk === undefined) {
        if (rows.length > 0 || this.isStopping) break
        await this.#fetcher.ready()
      } else if (chunk.kind === 'failure') throw new Error(`${chunk.topic}-${chunk.partition} cannot be read: ${chunk.message}`)
      else {
        this.#cursor.reset(chunk)
        while (this.#cursor.next()) rows.push(read(this.#cursor, chunk.topic, chunk.partition))
      }
    }
    return rows
  }

  /** So many records more are in the database. */
  written(records: number): void {
    this.#written += records
  }

  async close(): Promise<void> {
    clearInterval(this.#telling)
    await this.#fetcher.close()
    await this.#kafka.close()
  }
}
