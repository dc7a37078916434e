import { FrameMemory } from './frame-memory.ts'

/**
 * Cuts what a socket receives into response frames, each one contiguous buffer of its own.
 *
 * A socket that can read into memory of ours asks for `room` and reports what it has `received`: the rest of a frame is then read from the system to
 * where it stays. Other sockets `push` their chunks.
 */
export class FrameAssembler {
  readonly #onFrame: (frame: Buffer) => void
  readonly #memory: FrameMemory
  /** Where bytes land while no frame is under way. */
  #landing: Buffer | undefined
  /** The length field, while it is incomplete. */
  readonly #length = Buffer.alloc(LENGTH_BYTES)
  #lengthFilled = 0
  #frame: Buffer | undefined
  #frameFilled = 0

  constructor(onFrame: (frame: Buffer) => void, memory = new FrameMemory()) {
    this.#onFrame = onFrame
    this.#memory = memory
  }

  /** Where the next bytes are to be written; valid until `received` or `push`. */
  room(): Buffer {
    if (this.#frame !== undefined) return this.#frame.subarray(this.#frameFilled)
    this.#landing ??= Buffer.allocUnsafeSlow(LANDING_BYTES)
    return this.#landing
  }

  /** So many bytes have been written to `room`. Throws `FrameError` where they cannot be Kafka's. */
  received(bytes: number): void {
    if (this.#frame === undefined) this.push((this.#landing as Buffer).subarray(0, bytes))
    else this.#filled(this.#frame, bytes)
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
    this.#frame = this.#memory.take(checkedLength(this.#length))
    this.#frameFilled = 0
    return next
  }

  #fill(frame: Buffer, chunk: Buffer, at: number): number {
    const end = Math.min(at + frame.length - this.#frameFilled, chunk.length)
    chunk.copy(frame, this.#frameFilled, at, end)
    this.#filled(frame, end - at)
    return end
  }

  #filled(frame: Buffer, bytes: number): void {
    this.#frameFilled += bytes
    if (this.#frameFilled < frame.length) return
    this.#frame = undefined
    this.#onFrame(frame)
  }
}

/** What arrives is not Kafka's protocol. */
export class FrameError extends Error {
  override readonly name = 'FrameError'
}

const LENGTH_BYTES = 4
const CORRELATION_ID_BYTES = 4
/** Most answers fit in; of a larger one the first part is copied once. */
const LANDING_BYTES = 16 * 1024
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
