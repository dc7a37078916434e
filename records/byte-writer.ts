import type { ByteView } from './byte-view.ts'

/** A buffer that grows, written to from the front and used again. */
export class ByteWriter {
  buffer: Buffer
  position = 0

  constructor(capacityBytes = 4096) {
    this.buffer = Buffer.allocUnsafeSlow(capacityBytes)
  }

  reset(): void {
    this.position = 0
  }

  /** Makes room for `bytes` more. */
  ensure(bytes: number): void {
    const needed = this.position + bytes
    if (needed <= this.buffer.length) return
    let capacity = this.buffer.length * 2
    while (capacity < needed) capacity *= 2
    const grown = Buffer.allocUnsafeSlow(capacity)
    this.buffer.copy(grown, 0, 0, this.position)
    this.buffer = grown
  }

  byte(value: number): void {
    this.ensure(1)
    this.buffer[this.position++] = value
  }

  copy(source: Buffer, start: number, end: number): void {
    const length = end - start
    this.ensure(length)
    const { buffer } = this
    let at = this.position
    // Below some 24 bytes a loop is faster than the call into native code.
    if (length < 24) for (let i = start; i < end; i++) buffer[at++] = source[i] ?? 0
    else source.copy(buffer, at, start, end)
    this.position += length
  }

  view(view: ByteView): void {
    this.copy(view.buffer, view.start, view.end)
  }

  utf8(text: string): void {
    this.ensure(text.length * 3)
    this.position += this.buffer.write(text, this.position, 'utf8')
  }

  /** Text of which every character is ASCII. */
  ascii(text: string): void {
    const { length } = text
    this.ensure(length)
    const { buffer } = this
    let at = this.position
    for (let i = 0; i < length; i++) buffer[at++] = text.charCodeAt(i)
    this.position = at
  }

  int32(value: number): void {
    this.ensure(4)
    this.buffer.writeInt32BE(value, this.position)
    this.position += 4
  }

  unsignedVarint(value: number): void {
    this.ensure(10)
    let rest = value
    while (rest > 127) {
      this.buffer[this.position++] = (rest % 128) | 128
      rest = Math.floor(rest / 128)
    }
    this.buffer[this.position++] = rest
  }

  /** Zigzag. */
  varint(value: number): void {
    this.unsignedVarint(value >= 0 ? value * 2 : -value * 2 - 1)
  }

  /** Zigzag, any safe integer up to 2^52. */
  varlong(value: number): void {
    this.varint(value)
  }

  /** Sets the view to what was written from `from` on. It is valid until the next write. */
  into(view: ByteView, from = 0): ByteView {
    return view.set(this.buffer, from, this.position)
  }
}
