import type { ByteView } from './byte-view.ts'
import { writeInt64 } from './int64.ts'

/** Up to this many bytes a loop is faster than the call into native code: 2 ns a byte against 40 ns. */
export const SHORT_COPY_BYTES = 20

/** Bytes that grow at their end, in a buffer that is used again after `reset`. Nothing here allocates but the growing. */
export class ByteWriter {
  buffer: Buffer
  position = 0

  constructor(capacityBytes = 4096) {
    this.buffer = Buffer.allocUnsafeSlow(capacityBytes)
  }

  /** Starts anew: views of what was written become invalid. */
  reset(): void {
    this.position = 0
  }

  /** Makes room for so many more bytes. `buffer` may be another one afterwards, positions stay. */
  ensure(bytes: number): void {
    if (this.position + bytes > this.buffer.length) this.#grow(this.position + bytes)
  }

  byte(value: number): void {
    this.ensure(1)
    this.buffer[this.position++] = value
  }

  copy(buffer: Uint8Array, start: number, end: number): void {
    const length = end - start
    this.ensure(length)
    copyBytes(buffer, start, end, this.buffer, this.position)
    this.position += length
  }

  view(view: ByteView): void {
    this.copy(view.buffer, view.start, view.end)
  }

  /** Text as UTF-8; lone surrogates become U+FFFD. */
  utf8(text: string): void {
    const { length } = text
    this.ensure(length * 3)
    if (length > SHORT_COPY_BYTES || !this.#shortAscii(text)) this.position += this.buffer.write(text, this.position, 'utf8')
  }

  /** Text of which the caller knows that it is ASCII; of other characters the lowest 8 bits are written. */
  ascii(text: string): void {
    const { length } = text
    this.ensure(length)
    const { buffer, position } = this
    if (length > SHORT_COPY_BYTES) buffer.write(text, position, 'latin1')
    else for (let i = 0; i < length; i++) buffer[position + i] = text.charCodeAt(i)
    this.position = position + length
  }

  int32(value: number): void {
    this.ensure(4)
    this.buffer.writeInt32BE(value, this.position)
    this.position += 4
  }

  /** @throws RangeError if `value` is not a safe integer. */
  int64(value: number): void {
    this.ensure(8)
    writeInt64(this.buffer, this.position, value)
    this.position += 8
  }

  /** A zigzag varint of an int32. */
  varint(value: number): void {
    this.unsignedVarint((value << 1) ^ (value >> 31))
  }

  /** An unsigned varint; the 32 bits of `value` are taken as unsigned. */
  unsignedVarint(value: number): void {
    this.ensure(5)
    this.position = putUnsignedVarint(this.buffer, this.position, value)
  }

  /** A zigzag varlong. @throws RangeError if `value` is not a safe integer. */
  varlong(value: number): void {
    this.ensure(10)
    this.position = putVarlong(this.buffer, this.position, value)
  }

  /** Sets `view` to what was written from position `from` on. Valid until the next `reset` or the next growth. */
  into(view: ByteView, from = 0): ByteView {
    return view.set(this.buffer, from, this.position)
  }

  /** Writes `text` if it is ASCII; else leaves the position where it was. */
  #shortAscii(text: string): boolean {
    const { buffer, position } = this
    const { length } = text
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i)
      if (code >= 0x80) return false
      buffer[position + i] = code
    }
    this.position = position + length
    return true
  }

  #grow(neededBytes: number): void {
    const larger = Buffer.allocUnsafeSlow(Math.max(neededBytes, this.buffer.length * 2))
    this.buffer.copy(larger, 0, 0, this.position)
    this.buffer = larger
  }
}

/** Copies bytes to where room for them has been made. */
export function copyBytes(source: Uint8Array, start: number, end: number, target: Buffer, at: number): void {
  // Within the source: its length bounds `end` wherever a view was made with care; a shorter source would give undefined, which is written as 0.
  if (end - start <= SHORT_COPY_BYTES) for (let i = start; i < end; i++) target[at++] = source[i] as number
  else if (source instanceof Buffer) source.copy(target, at, start, end)
  else target.set(source.subarray(start, end), at)
}

/** Writes a zigzag varint where room for 5 bytes has been made; answers the position behind it. */
export function putVarint(buffer: Buffer, at: number, value: number): number {
  return putUnsignedVarint(buffer, at, (value << 1) ^ (value >> 31))
}

export function putUnsignedVarint(buffer: Buffer, at: number, value: number): number {
  let rest = value
  while ((rest & ~0x7f) !== 0) {
    buffer[at++] = (rest & 0x7f) | 0x80
    rest >>>= 7
  }
  buffer[at++] = rest
  return at
}

/** Writes a zigzag varlong where room for 10 bytes has been made; answers the position behind it. */
export function putVarlong(buffer: Buffer, at: number, value: number): number {
  if ((value | 0) === value) return putVarint(buffer, at, value)
  if (!Number.isSafeInteger(value)) throw new RangeError(`found ${value}, expected a safe integer: it cannot be written as a varlong without loss`)
  const magnitude = value < 0 ? -(value + 1) : value
  let rest = Math.floor(magnitude / 64)
  let low = (magnitude % 64) * 2 + (value < 0 ? 1 : 0)
  while (rest > 0) {
    buffer[at++] = low | 0x80
    low = rest % 128
    rest = Math.floor(rest / 128)
  }
  buffer[at++] = low
  return at
}
