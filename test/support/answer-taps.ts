/** Looks on at both directions of one connection for the answer that is to be lost. */
export interface AnswerTap {
  /** Bytes on their way to the server. `wanted`: whether an answer is to be lost, and to which requests. */
  request(chunk: Buffer, wanted: ReadonlySet<string>): boolean
  /** How many bytes of the chunk come before the answer that is to be lost; `undefined`: it is not in here. */
  answer(chunk: Buffer): number | undefined
}

/** Kafka's numbers of the requests whose answers are worth losing. */
export const KAFKA_REQUESTS: ReadonlyMap<string, number> = new Map([
  ['Produce', 0],
  ['OffsetCommit', 8],
  ['JoinGroup', 11],
  ['SyncGroup', 14],
  ['InitProducerId', 22],
  ['EndTxn', 26],
  ['TxnOffsetCommit', 28],
])

const LENGTH_BYTES = 4
/** Of a request: length, API key, API version, correlation id. Of an answer: length, correlation id. */
const REQUEST_HEAD_BYTES = 12
const ANSWER_HEAD_BYTES = 8

/** Kafka's protocol: many requests may be under way at a time, each with a number, which its answer has too. */
export class KafkaTap implements AnswerTap {
  readonly #requests = new Frames(REQUEST_HEAD_BYTES)
  readonly #answers = new Frames(ANSWER_HEAD_BYTES)
  #doomed: number | undefined

  request(chunk: Buffer, wanted: ReadonlySet<string>): boolean {
    let found = false
    this.#requests.read(chunk, (head) => {
      if (this.#doomed !== undefined || found) return
      const api = head.readInt16BE(4)
      if (![...wanted].some((name) => KAFKA_REQUESTS.get(name) === api)) return
      this.#doomed = head.readInt32BE(8)
      found = true
    })
    return found
  }

  answer(chunk: Buffer): number | undefined {
    let before: number | undefined
    this.#answers.read(chunk, (head, start) => {
      if (before === undefined && head.readInt32BE(4) === this.#doomed) before = Math.max(0, start)
    })
    return before
  }
}

/** One request at a time, as databases' drivers use a connection: a request that holds one of the texts is the one, and the bytes after it are its answer. */
export class TextTap implements AnswerTap {
  #isDoomed = false

  request(chunk: Buffer, wanted: ReadonlySet<string>): boolean {
    if (this.#isDoomed || ![...wanted].some((text) => chunk.includes(text))) return false
    this.#isDoomed = true
    return true
  }

  answer(): number | undefined {
    return this.#isDoomed ? 0 : undefined
  }
}

/** Walks frames that begin with their length, however they are cut into chunks. */
class Frames {
  readonly #head: Buffer
  #headBytes = 0
  #bodyBytesLeft = 0

  constructor(headBytes: number) {
    this.#head = Buffer.alloc(headBytes)
  }

  /** `visit`: once for each frame whose head is whole by now; `start`: where it begins in the chunk, negative: in an earlier one. */
  read(chunk: Buffer, visit: (head: Buffer, start: number) => void): void {
    for (let at = 0; at < chunk.length; ) {
      if (this.#bodyBytesLeft > 0) {
        const skipped = Math.min(this.#bodyBytesLeft, chunk.length - at)
        this.#bodyBytesLeft -= skipped
        at += skipped
        continue
      }
      const taken = chunk.copy(this.#head, this.#headBytes, at, at + this.#head.length - this.#headBytes)
      this.#headBytes += taken
      at += taken
      if (this.#headBytes < this.#head.length) return
      this.#headBytes = 0
      this.#bodyBytesLeft = this.#head.readInt32BE(0) + LENGTH_BYTES - this.#head.length
      visit(this.#head, at - this.#head.length)
    }
  }
}
