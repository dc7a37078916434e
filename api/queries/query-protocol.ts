import type { InstanceStatus } from './instance-status.ts'

/**
 * What a gateway asks of processors and sinks, over a TCP connection that is kept: one JSON text a line, answers in any order. A stream thread listens for itself, so that the
 * address that the group knows for a task is the thread that has its stores.
 */
export type OwnerRequest =
  /** `waitMs`: how long an absent key is waited for. */
  | { readonly id: number; readonly command: 'get'; readonly store: string; readonly partition: number; readonly key: string; readonly waitMs: number }
  /** Expire what is due in every task of the thread. */
  | { readonly id: number; readonly command: 'expire' }
  /** How it is. */
  | { readonly id: number; readonly command: 'status' }
  /** Of a sink: take nothing more from Kafka; go on. */
  | { readonly id: number; readonly command: 'pause' | 'resume' }
  /** Of a sink: answer once the database has everything of a partition that lies before `offset`, after `waitMs` at the latest. */
  | { readonly id: number; readonly command: 'reached'; readonly topic: string; readonly partition: number; readonly offset: number; readonly waitMs: number }

export type OwnerAnswer =
  /** `value`: base64. */
  | { readonly id: number; readonly kind: 'found'; readonly value: string }
  | { readonly id: number; readonly kind: 'absent' }
  | { readonly id: number; readonly kind: 'elsewhere'; readonly reason: string }
  | { readonly id: number; readonly kind: 'expired'; readonly count: number }
  | { readonly id: number; readonly kind: 'status'; readonly status: InstanceStatus }
  | { readonly id: number; readonly kind: 'done' }
  | { readonly id: number; readonly kind: 'reached'; readonly hasReached: boolean }
  | { readonly id: number; readonly kind: 'failed'; readonly reason: string }

/** Longest line that is taken: a trade of 1 MB in base64, and room. */
export const LONGEST_LINE_BYTES = 4_000_000

/** Cuts a stream of bytes into lines. A line may come in many pieces. */
export class LineReader {
  #pieces: Buffer[] = []
  #bytes = 0

  /** Calls `line` for each whole line. False: one is longer than the limit, and the connection is of no more use. */
  push(chunk: Buffer, line: (text: string) => void, limitBytes = LONGEST_LINE_BYTES): boolean {
    let start = 0
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      const last = chunk.subarray(start, end)
      line(this.#pieces.length === 0 ? last.toString() : Buffer.concat([...this.#pieces, last]).toString())
      this.#pieces = []
      this.#bytes = 0
      start = end + 1
    }
    if (start < chunk.length) {
      this.#pieces.push(chunk.subarray(start))
      this.#bytes += chunk.length - start
    }
    return this.#bytes <= limitBytes
  }
}

const NEWLINE = 10
