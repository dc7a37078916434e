import { ByteView } from './byte-view.ts'
import { ByteWriter } from './byte-writer.ts'

export interface Header {
  readonly key: string
  readonly value: Buffer | undefined
}

/** Reads varints of a header block. */
class BlockReader {
  readonly #buffer: Buffer
  readonly #end: number
  at: number

  constructor(block: ByteView) {
    this.#buffer = block.buffer
    this.at = block.start
    this.#end = block.end
  }

  varint(): number {
    let value = 0
    for (let factor = 1; ; factor *= 128) {
      if (this.at >= this.#end || factor > 2 ** 35) throw new RangeError('a header block ends in the middle of a number')
      const byte = this.#buffer[this.at++] ?? 0
      value += (byte & 127) * factor
      if (byte < 128) break
    }
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2
  }

  /** Start of a field of `length` bytes, which is then behind. */
  skip(length: number): number {
    if (length < 0 || this.at + length > this.#end) throw new RangeError(`a header field of ${length} bytes does not fit`)
    this.at += length
    return this.at - length
  }
}

/** The headers of a block, copied. Throws `RangeError` where the block is faulty. */
export function readHeaders(block: ByteView | undefined): Header[] {
  if (block === undefined || block.length === 0) return []
  const reader = new BlockReader(block)
  const headers: Header[] = []
  for (let left = reader.varint(); left > 0; left--) {
    const keyLength = reader.varint()
    const keyStart = reader.skip(keyLength)
    const valueLength = reader.varint()
    const valueStart = valueLength < 0 ? -1 : reader.skip(valueLength)
    headers.push({
      key: block.buffer.toString('utf8', keyStart, keyStart + keyLength),
      value: valueStart < 0 ? undefined : Buffer.from(block.buffer.subarray(valueStart, valueStart + valueLength)),
    })
  }
  return headers
}

/** Finds the last header of a name and sets `into` to its value. */
export function findLastHeader(block: ByteView | undefined, name: Buffer, into: ByteView): 'absent' | 'null' | 'found' {
  if (block === undefined || block.length === 0) return 'absent'
  const reader = new BlockReader(block)
  let found: 'absent' | 'null' | 'found' = 'absent'
  for (let left = reader.varint(); left > 0; left--) {
    const keyLength = reader.varint()
    const keyStart = reader.skip(keyLength)
    const valueLength = reader.varint()
    const valueStart = valueLength < 0 ? -1 : reader.skip(valueLength)
    if (keyLength !== name.length || block.buffer.compare(name, 0, name.length, keyStart, keyStart + keyLength) !== 0) continue
    found = valueStart < 0 ? 'null' : 'found'
    if (valueStart >= 0) into.set(block.buffer, valueStart, valueStart + valueLength)
  }
  return found
}

/** Puts a header block together: those of an input record first, then further ones. */
export class HeaderBlockBuilder {
  readonly #headers = new ByteWriter(512)
  readonly #block = new ByteWriter(512)
  #count = 0

  reset(): void {
    this.#headers.reset()
    this.#count = 0
  }

  copyFrom(block: ByteView | undefined): void {
    if (block === undefined || block.length === 0) return
    const reader = new BlockReader(block)
    this.#count += reader.varint()
    this.#headers.copy(block.buffer, reader.at, block.end)
  }

  add(name: string, value: string | Uint8Array | undefined): void {
    this.#bytes(Buffer.from(name))
    if (value === undefined) this.#headers.varint(-1)
    else this.#bytes(typeof value === 'string' ? Buffer.from(value) : Buffer.from(value.buffer, value.byteOffset, value.length))
    this.#count++
  }

  /** Sets the view to the block. It is valid until the next `into`. */
  into(view: ByteView): ByteView {
    this.#block.reset()
    this.#block.varint(this.#count)
    this.#block.copy(this.#headers.buffer, 0, this.#headers.position)
    return this.#block.into(view)
  }

  #bytes(value: Buffer): void {
    this.#headers.varint(value.length)
    this.#headers.copy(value, 0, value.length)
  }
}
