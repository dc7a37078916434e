import type { DiskFile } from '../../ports/disk.ts'
import { type FrameFields, type FramedBatch, readFrame } from './frame.ts'

export interface ScannedFrame {
  readonly at: number
  readonly frameBytes: number
  readonly fields: FrameFields
  /** Valid until the next `fill`. `start` and `end` are positions in the scanner's window; in the file they are `shift` further. */
  readonly batches: readonly FramedBatch[]
  readonly shift: number
}

/** Walks the frames of a segment through a window that slides over the file. `next` answers `more` where it has to be filled, synchronously or not, as the caller likes. */
export class FrameScanner {
  /** Where the next frame begins. */
  at = 0
  frame: ScannedFrame | undefined
  /** Why the frame at `at` is bad. */
  reason = ''
  readonly #file: DiskFile
  readonly #endBytes: number
  readonly #windowBytes: number
  #window: Buffer = EMPTY
  #windowAt = 0
  #windowEnd = 0
  #neededBytes = 0

  constructor(file: DiskFile, endBytes: number, windowBytes: number) {
    this.#file = file
    this.#endBytes = endBytes
    this.#windowBytes = windowBytes
  }

  next(): 'frame' | 'more' | 'end' | 'bad' {
    if (this.at >= this.#endBytes) return 'end'
    const shift = this.#windowAt
    const found = readFrame(this.#window, this.at - shift, this.#windowEnd)
    if (found.kind === 'frame') {
      this.frame = { at: this.at, shift, frameBytes: found.frameBytes, fields: found.fields, batches: found.batches }
      this.at += found.frameBytes
      return 'frame'
    }
    if (found.kind === 'bad') return this.#bad(found.reason)
    const left = this.#endBytes - this.at
    if (found.bytes > left) return this.#bad(`it ends after ${left} of at least ${found.bytes} bytes`)
    this.#neededBytes = found.bytes
    return 'more'
  }

  async fill(): Promise<void> {
    const target = this.#target()
    this.#filled(await this.#file.read(target, this.#windowAt))
  }

  fillSync(): void {
    const target = this.#target()
    this.#filled(this.#file.readSync(target, this.#windowAt))
  }

  #bad(reason: string): 'bad' {
    this.reason = reason
    return 'bad'
  }

  #target(): Buffer {
    const bytes = Math.min(Math.max(this.#windowBytes, this.#neededBytes), this.#endBytes - this.at)
    if (this.#window.length < bytes) this.#window = Buffer.allocUnsafeSlow(bytes)
    this.#windowAt = this.at
    return this.#window.subarray(0, bytes)
  }

  #filled(bytes: number): void {
    if (bytes < this.#neededBytes)
      throw new Error(`a segment has become shorter while it was read: ${bytes} of ${this.#neededBytes} bytes at ${this.#windowAt}`)
    this.#windowEnd = bytes
  }
}

const EMPTY = Buffer.alloc(0)
