/**
 * Reads one response frame (without its length). Every length is checked against what is left, so that a response which is
 * not what we take it for ends in `ResponseFormatError` and neither in a read beyond the frame nor in a huge allocation.
 */
export class ResponseReader {
  readonly buffer: Buffer
  position = 0

  constructor(buffer: Buffer) {
    this.buffer = buffer
  }

  get remaining(): number {
    return this.buffer.length - this.position
  }

  int8(): number {
    return this.buffer.readInt8(this.skip(1))
  }

  int16(): number {
    return this.buffer.readInt16BE(this.skip(2))
  }

  int32(): number {
    return this.buffer.readInt32BE(this.skip(4))
  }

  /** Offsets, timestamps and producer ids: anything of 2^53 or more is taken for damage. */
  int64(): number {
    const at = this.skip(8)
    const value = this.buffer.readInt32BE(at) * 2 ** 32 + this.buffer.readUInt32BE(at + 4)
    if (!Number.isSafeInteger(value)) throw new ResponseFormatError(`a number of 2^53 or more at byte ${at}`)
    return value
  }

  boolean(): boolean {
    return this.int8() !== 0
  }

  unsignedVarint(): number {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.buffer.readUInt8(this.skip(1))
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
    throw new ResponseFormatError(`a varint of more than 5 bytes before byte ${this.position}`)
  }

  string(): string {
    return this.nullableString() ?? ''
  }

  nullableString(): string | undefined {
    const bytes = this.unsignedVarint() - 1
    if (bytes < 0) return undefined
    const at = this.skip(bytes)
    return this.buffer.toString('utf8', at, at + bytes)
  }

  /** A view on the response; null is empty. */
  bytes(): Buffer {
    const length = Math.max(this.unsignedVarint() - 1, 0)
    const at = this.skip(length)
    return this.buffer.subarray(at, at + length)
  }

  uuid(): string {
    const at = this.skip(16)
    const hex = this.buffer.toString('hex', at, at + 16)
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
  }

  /** A null array is read as an empty one: for none of the answers we read is there a difference. */
  array<Item>(read: () => Item): Item[] {
    const count = this.unsignedVarint() - 1
    // each item takes a byte at least
    if (count > this.remaining) throw new ResponseFormatError(`an array of ${count} items in the last ${this.remaining} bytes`)
    const items: Item[] = []
    for (let i = 0; i < count; i++) items.push(read())
    return items
  }

  /** Tagged fields at the end of a structure. `read` gets the tag, may read its field, and need not: what it leaves is skipped. */
  tags(read?: (tag: number) => void): void {
    for (let count = this.unsignedVarint(); count > 0; count--) {
      const tag = this.unsignedVarint()
      const bytes = this.unsignedVarint()
      const end = this.skip(bytes) + bytes
      if (!read) continue
      this.position = end - bytes
      read(tag)
      if (this.position > end) throw new ResponseFormatError(`tagged field ${tag} is longer than its ${bytes} bytes`)
      this.position = end
    }
  }

  /** Moves on, and answers where it was. */
  skip(bytes: number): number {
    const at = this.position
    if (bytes > this.buffer.length - at) throw new ResponseFormatError(`${bytes} bytes wanted at byte ${at} of ${this.buffer.length}`)
    this.position = at + bytes
    return at
  }
}

/** A response is not laid out as its version says. The connection it came on can no longer be trusted. */
export class ResponseFormatError extends Error {
  override readonly name = 'ResponseFormatError'
}
