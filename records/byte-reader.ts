const EMPTY = Buffer.alloc(0)

/** The bytes end before, or say something else than, what is read from them. */
export class BytesError extends Error {
  override readonly name = 'BytesError'
}

/**
 * A position in a stretch of bytes that never leaves it. Lengths come from outside: whatever they are, reading ends in a value from within the stretch or in a
 * `BytesError`.
 */
export class ByteReader {
  buffer: Buffer = EMPTY
  position = 0
  limit = 0

  reset(buffer: Buffer, start: number, end: number): this {
    if (!(start >= 0 && start <= end && end <= buffer.length))
      throw new BytesError(`found the stretch ${start} to ${end}, expected one within ${buffer.length} bytes`)
    this.buffer = buffer
    this.position = start
    this.limit = end
    return this
  }

  get remaining(): number {
    return this.limit - this.position
  }

  byte(): number {
    const at = this.position
    if (at >= this.limit) throw new BytesError(`the bytes end at ${this.limit}, one more was expected`)
    this.position = at + 1
    // Within the limit, which is within the buffer.
    return this.buffer[at] as number
  }

  /** A zigzag varint: an int32. */
  varint(): number {
    const raw = this.unsignedVarint()
    return (raw >>> 1) ^ -(raw & 1)
  }

  /** An unsigned varint: 0 to 2^32 - 1. */
  unsignedVarint(): number {
    const first = this.byte()
    if (first < 0x80) return first
    let value = first & 0x7f
    for (let shift = 7; shift < 28; shift += 7) {
      const byte = this.byte()
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
    const last = this.byte()
    if (last > 0x0f) throw new BytesError(`a varint before byte ${this.position} is longer than 32 bits`)
    return (value | (last << 28)) >>> 0
  }

  /** A zigzag varlong that is a safe integer. */
  varlong(): number {
    const first = this.byte()
    if (first < 0x80) return (first >>> 1) ^ -(first & 1)
    let magnitude = (first & 0x7f) >>> 1
    let unit = 64
    for (let bytes = 2; ; bytes++) {
      const byte = this.byte()
      magnitude += (byte & 0x7f) * unit
      if (byte < 0x80) break
      if (bytes === 10) throw new BytesError(`a varlong before byte ${this.position} is longer than 64 bits`)
      unit *= 128
    }
    const value = first & 1 ? -magnitude - 1 : magnitude
    if (!Number.isSafeInteger(value)) throw new BytesError(`found the varlong ${value} before byte ${this.position}, expected a safe integer`)
    return value
  }

  skip(bytes: number): void {
    if (!(bytes >= 0 && bytes <= this.limit - this.position))
      throw new BytesError(`found a length of ${bytes} at byte ${this.position}, expected at most ${this.limit - this.position}`)
    this.position += bytes
  }
}
