/**
 * Cuts what a socket receives into response frames. Each frame is one contiguous buffer: a view on the chunk if it lies
 * within one, otherwise a buffer of the frame's length that the chunks are copied into as they come, once each.
 */
export class FrameAssembler {
  readonly #onFrame: (frame: Buffer) => void
  /** The length field, while it is incomplete. */
  readonly #length = Buffer.alloc(LENGTH_BYTES)
  #lengthFilled = 0
  #frame: Buffer | undefined
  #frameFilled = 0

  constructor(onFrame: (frame: Buffer) => void) {
    this.#onFrame = onFrame
  }

  /** Throws `FrameError` where the bytes cannot be Kafka's. */
  push(chunk: Buffer): void {
    let at = 0
    while (at < chunk.length) at = this.#frame ? this.#fill(this.#frame, chunk, at) : this.#begin(chunk, at)
  }

  #begin(chunk: Buffer, at: number): number {
    let next = at
    while (this.#lengthFilled < LENGTH_BYTES && next < chunk.length) this.#length[this.#lengthFilled++] = chunk[next++] ?? 0
    if (this.#lengthFilled < LENGTH_BYTES) return next
    this.#lengthFilled = 0
    const bytes = checkedLength(this.#length)
    if (next + bytes <= chunk.length) {
      this.#onFrame(chunk.subarray(next, next + bytes))
      return next + bytes
    }
    // not from the pool: a pool slab would be kept alive by the longest-lived of the frames in it
    this.#frame = Buffer.allocUnsafeSlow(bytes)
    this.#frameFilled = 0
    return next
  }

  #fill(frame: Buffer, chunk: Buffer, at: number): number {
    const end = Math.min(at + frame.length - this.#frameFilled, chunk.length)
    chunk.copy(frame, this.#frameFilled, at, end)
    this.#frameFilled += end - at
    if (this.#frameFilled === frame.length) {
      this.#frame = undefined
      this.#onFrame(frame)
    }
    return end
  }
}

/** What arrives is not Kafka's protocol. */
export class FrameError extends Error {
  override readonly name = 'FrameError'
}

const LENGTH_BYTES = 4
const CORRELATION_ID_BYTES = 4
/** Five times Kafka's largest default for one answer (fetch.max.bytes, 50 MB). */
const MAX_FRAME_BYTES = 256 * 1024 * 1024

function checkedLength(field: Buffer): number {
  const bytes = field.readInt32BE(0)
  if (bytes >= CORRELATION_ID_BYTES && bytes <= MAX_FRAME_BYTES) return bytes
  const [type = 0, major, minor = 0] = field
  if (type >= 0x14 && type <= 0x17 && major === 3 && minor <= 4)
    throw new FrameError('the broker answers in TLS: configure TLS for this address, or use its plaintext port')
  throw new FrameError(
    `a response of ${bytes} bytes was announced, ${CORRELATION_ID_BYTES} to ${MAX_FRAME_BYTES} were expected: is this the port of a Kafka broker?`,
  )
}
