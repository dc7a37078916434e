import { ByteReader } from './byte-reader.ts'
import type { ByteView } from './byte-view.ts'
import { ByteWriter } from './byte-writer.ts'

/** A header of a record. Names may repeat; the last one counts. */
export interface Header {
  readonly key: string
  readonly value: Buffer | undefined
}

/** All headers of a block, copied. @throws BytesError if the block is damaged; blocks of a cursor have been checked. */
export function readHeaders(block: ByteView): Header[] {
  const reader = new ByteReader().reset(block.buffer, block.start, block.end)
  const headers: Header[] = []
  for (let left = headerCount(reader); left > 0; left--) {
    const key = stretch(reader, reader.varint())
    const valueLength = reader.varint()
    headers.push({ key: key.toString('utf8'), value: valueLength < 0 ? undefined : Buffer.from(stretch(reader, valueLength)) })
  }
  return headers
}

/**
 * Looks for the last header called `name`; `found`: its value is in `into`. It allocates nothing.
 *
 * @throws BytesError if the block is damaged.
 */
export function findLastHeader(block: ByteView, name: Buffer, into: ByteView): 'absent' | 'null' | 'found' {
  const reader = shared.reset(block.buffer, block.start, block.end)
  let found: 'absent' | 'null' | 'found' = 'absent'
  for (let left = headerCount(reader); left > 0; left--) {
    const keyLength = reader.varint()
    const keyStart = reader.position
    reader.skip(keyLength)
    const valueLength = reader.varint()
    const valueStart = reader.position
    if (valueLength >= 0) reader.skip(valueLength)
    if (!sameBytes(block.buffer, keyStart, keyLength, name)) continue
    found = valueLength < 0 ? 'null' : 'found'
    if (valueLength >= 0) into.set(block.buffer, valueStart, reader.position)
  }
  return found
}

const shared = new ByteReader()

/** Passes the headers of a block that begins at the reader's position; answers their count. @throws BytesError if they are damaged. */
export function skipHeaders(reader: ByteReader): number {
  const count = headerCount(reader)
  for (let left = count; left > 0; left--) {
    reader.skip(reader.varint())
    const valueLength = reader.varint()
    if (valueLength >= 0) reader.skip(valueLength)
  }
  return count
}

/** A header takes 2 bytes or more, so a count that is no lie is bounded by the bytes: loops over it end. */
function headerCount(reader: ByteReader): number {
  const count = reader.varint()
  if (count < 0 || count > reader.remaining / 2) reader.skip(-1)
  return count
}

function stretch(reader: ByteReader, length: number): Buffer {
  const start = reader.position
  reader.skip(length)
  return reader.buffer.subarray(start, reader.position)
}

function sameBytes(buffer: Buffer, start: number, length: number, other: Buffer): boolean {
  if (length !== other.length) return false
  for (let i = 0; i < length; i++) if (buffer[start + i] !== other[i]) return false
  return true
}

/** Writes a header block as it is on the wire. Starts out empty. */
export class HeaderBlockBuilder {
  readonly #headers = new ByteWriter(256)
  readonly #block = new ByteWriter(256)
  readonly #text = new ByteWriter(64)
  #count = 0

  get count(): number {
    return this.#count
  }

  reset(): void {
    this.#headers.reset()
    this.#count = 0
  }

  /** Appends all headers of another block. @throws BytesError if it is damaged. */
  copyFrom(block: ByteView | undefined): void {
    if (block === undefined) return
    const reader = shared.reset(block.buffer, block.start, block.end)
    const count = headerCount(reader)
    this.#headers.copy(block.buffer, reader.position, block.end)
    this.#count += count
  }

  /** Text becomes UTF-8. */
  add(name: string, value: string | Uint8Array | undefined): void {
    this.#sized(name)
    if (value === undefined) this.#headers.varint(-1)
    else this.#sized(value)
    this.#count++
  }

  /** Sets `view` to the block. Valid until `into` is called again. */
  into(view: ByteView): ByteView {
    this.#block.reset()
    this.#block.varint(this.#count)
    this.#block.copy(this.#headers.buffer, 0, this.#headers.position)
    return this.#block.into(view)
  }

  #sized(content: string | Uint8Array): void {
    if (typeof content !== 'string') {
      this.#headers.varint(content.length)
      this.#headers.copy(content, 0, content.length)
      return
    }
    this.#text.reset()
    this.#text.utf8(content)
    this.#headers.varint(this.#text.position)
    this.#headers.copy(this.#text.buffer, 0, this.#text.position)
  }
}
