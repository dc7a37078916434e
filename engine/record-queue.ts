import type { FetchedChunk } from '../ports/kafka-client.ts'
import { CommittedCursor } from '../records/committed-cursor.ts'
import { StreamThreadFatalError } from './errors.ts'

/**
 * Records of one source partition that were fetched and not yet processed. The head is the record that `cursor` stands on: its views are valid
 * until `advance`.
 */
export class RecordQueue {
  readonly topic: string
  readonly partition: number
  readonly cursor = new CommittedCursor()
  #chunks: FetchedChunk[] = []
  #hasHead = false
  #position: number
  #bufferedBytes = 0
  #partitionTime: number
  #endOffset: number | undefined
  #leaderEpoch = -1

  constructor(options: { topic: string; partition: number; position: number; partitionTime: number }) {
    this.topic = options.topic
    this.partition = options.partition
    this.#position = options.position
    this.#partitionTime = options.partitionTime
  }

  /** Whether there is a record to process. */
  get hasHead(): boolean {
    return this.#hasHead
  }

  /** The offset to commit: of the head; without one the fetch position, past transaction markers, so that an idle group shows lag 0. */
  get position(): number {
    return this.#hasHead ? this.cursor.offset : this.#position
  }

  get bufferedBytes(): number {
    return this.#bufferedBytes
  }

  /** Of each chunk that waits or is being processed, the oldest first. */
  get chunkBytes(): readonly number[] {
    return this.#chunks.map(({ start, end }) => end - start)
  }

  /** Highest timestamp of a record that was processed, the head not counted: it goes with the position. -1 before the first. */
  get partitionTime(): number {
    return this.#partitionTime
  }

  /** Leader epoch of the last chunk; -1 before the first. */
  get leaderEpoch(): number {
    return this.#leaderEpoch
  }

  /** Records that the broker has and this queue has not handed out, by the last fetch; `undefined` before the first. */
  get lag(): number | undefined {
    return this.#endOffset === undefined ? undefined : Math.max(0, this.#endOffset - this.position)
  }

  push(chunk: FetchedChunk): void {
    this.#endOffset = chunk.lastStableOffset
    this.#leaderEpoch = chunk.leaderEpoch
    this.#chunks.push(chunk)
    this.#bufferedBytes += chunk.end - chunk.start
    if (!this.#hasHead && this.#chunks.length === 1) this.#open(chunk)
  }

  /** Leaves the head, which was processed, for the next record. The memory of a chunk that is done with is used again. */
  advance(): void {
    if (this.#hasHead && this.cursor.timestamp > this.#partitionTime) this.#partitionTime = this.cursor.timestamp
    this.#seek()
  }

  #open(chunk: FetchedChunk): void {
    this.cursor.reset(chunk)
    this.#seek()
  }

  /** A loop, not a recursion: behind a head thousands of chunks may wait that hold nothing but a marker. */
  #seek(): void {
    while (!this.#next()) {
      this.#hasHead = false
      const done = this.#chunks.shift()
      if (done === undefined) return
      this.#position = Math.max(this.#position, done.nextOffset)
      this.#bufferedBytes -= done.end - done.start
      done.release?.()
      const next = this.#chunks[0]
      if (next === undefined) return
      this.cursor.reset(next)
    }
    this.#hasHead = true
  }

  #next(): boolean {
    try {
      return this.cursor.next()
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      throw new StreamThreadFatalError(`input ${this.topic}-${this.partition} cannot be read on from offset ${this.cursor.nextOffset}: ${reason}. If what is damaged can be spared, set the group's offset past it`, { cause: error })
    }
  }
}
