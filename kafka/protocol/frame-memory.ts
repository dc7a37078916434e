/** Smaller frames are cheap to allocate anew. */
const SMALLEST_BYTES = 32 * 1024
/** Larger ones are rare, and are not worth keeping. */
const LARGEST_BYTES = 8 * 1024 * 1024
/** An answer is in use until the last of its partitions has been processed: under load some ten of them are. */
const MAX_SPARE = 16

/**
 * Memory for large answers, used again once somebody says that nobody looks at one any more. Without it each Fetch allocated its answer outside of the heap, and V8 answered that with a
 * full collection every 25,000 records: 3 us of CPU a record, beside the stream thread and in it.
 */
export class FrameMemory {
  readonly #spare: Buffer[] = []
  /** Whole buffers that are in use, by the memory that frames are cut from. What is never given back is collected as any other object. */
  readonly #lent = new WeakMap<ArrayBufferLike, Buffer>()

  /** A buffer of this length; what is in it is of no meaning. */
  take(bytes: number): Buffer {
    if (bytes < SMALLEST_BYTES || bytes > LARGEST_BYTES) return Buffer.allocUnsafeSlow(bytes)
    const fitting = this.#spare.findIndex(({ length }) => length >= bytes)
    const whole = fitting < 0 ? Buffer.allocUnsafeSlow(2 ** (32 - Math.clz32(bytes - 1))) : (this.#spare.splice(fitting, 1)[0] as Buffer)
    this.#lent.set(whole.buffer, whole)
    return whole.subarray(0, bytes)
  }

  /** The frame's bytes may be overwritten from now on. Of other buffers, and the second time, nothing happens. */
  give(frame: Buffer): void {
    const whole = this.#lent.get(frame.buffer)
    if (whole === undefined) return
    this.#lent.delete(frame.buffer)
    if (this.#spare.length === MAX_SPARE) this.#spare.shift()
    this.#spare.push(whole)
  }
}
