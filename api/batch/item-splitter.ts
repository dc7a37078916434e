/** Cuts a body of any length into its items. What is held is one item at most. */
export interface ItemSplitter {
  /** Calls `item` for each item that is whole. @throws BrokenBodyError where the body cannot be cut any further. */
  push(chunk: Buffer, item: (bytes: Buffer) => void): void
  /** The body has ended. */
  end(item: (bytes: Buffer) => void): void
}

/** From here on it is not known where an item begins. */
export class BrokenBodyError extends Error {
  override readonly name = 'BrokenBodyError'
}

/** Larger than any trade that fits into a topic. */
export const LONGEST_ITEM_BYTES = 1_100_000

/** What has come of an item so far. */
class Gathered {
  #pieces: Buffer[] = []
  bytes = 0

  add(piece: Buffer): void {
    if (piece.length === 0) return
    this.#pieces.push(piece)
    this.bytes += piece.length
    if (this.bytes > LONGEST_ITEM_BYTES) throw new BrokenBodyError(`an item is longer than ${LONGEST_ITEM_BYTES} bytes`)
  }

  take(): Buffer {
    const [only, ...more] = this.#pieces
    const whole = only !== undefined && more.length === 0 ? only : Buffer.concat(this.#pieces)
    this.#pieces = []
    this.bytes = 0
    return whole
  }
}

const NEWLINE = 10
const QUOTE = 34
const COMMA = 44
const BACKSLASH = 92

/** NDJSON: one item a line; empty lines are passed over. */
export class LineSplitter implements ItemSplitter {
  readonly #gathered = new Gathered()

  push(chunk: Buffer, item: (bytes: Buffer) => void): void {
    let start = 0
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      this.#gathered.add(chunk.subarray(start, end))
      this.end(item)
      start = end + 1
    }
    this.#gathered.add(chunk.subarray(start))
  }

  end(item: (bytes: Buffer) => void): void {
    const line = this.#gathered.take()
    if (!isBlank(line)) item(line)
  }
}

/**
 * A JSON array: it looks at quotes, brackets and commas only, to find where its elements begin and end. Whether they are what they should be is for the reader of each of them.
 *
 * ```
 * before -> [ -> first -> element -> , -> next -> element ... -> ] -> after
 * ```
 */
export class ArraySplitter implements ItemSplitter {
  readonly #gathered = new Gathered()
  #state: 'before' | 'first' | 'next' | 'element' | 'after' = 'before'
  #depth = 0
  #inString = false
  #isEscaped = false

  push(chunk: Buffer, item: (bytes: Buffer) => void): void {
    let start = 0
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at] ?? 0
      if (this.#inString) {
        this.#string(byte)
        continue
      }
      if (this.#state === 'element') {
        if (!this.#ends(byte)) continue
        this.#gathered.add(chunk.subarray(start, at))
        item(this.#gathered.take())
        this.#state = byte === COMMA ? 'next' : 'after'
      } else if (!isSpace(byte) && this.#between(byte)) {
        start = at
        this.#state = 'element'
        this.#ends(byte)
      }
    }
    if (this.#state === 'element') this.#gathered.add(chunk.subarray(start))
  }

  end(): void {
    if (this.#state !== 'after') throw new BrokenBodyError(this.#state === 'before' ? 'the body is empty, expected a JSON array' : 'the array does not end')
  }

  /** Outside of elements; answers whether one begins. */
  #between(byte: number): boolean {
    switch (this.#state) {
      case 'before':
        if (byte !== 0x5b) throw new BrokenBodyError(`the body begins with ${JSON.stringify(String.fromCharCode(byte))}, expected a JSON array`)
        this.#state = 'first'
        return false
      case 'after':
        throw new BrokenBodyError('there is something behind the end of the array')
      default:
        if (byte === COMMA || (byte === 0x5d && this.#state === 'next')) throw new BrokenBodyError('an element of the array is missing')
        if (byte !== 0x5d) return true
        this.#state = 'after'
        return false
    }
  }

  /** Within an element; answers whether this byte is behind it. */
  #ends(byte: number): boolean {
    if (byte === QUOTE) this.#inString = true
    else if (byte === 0x7b || byte === 0x5b) this.#depth++
    else if (byte === 0x7d || byte === 0x5d) {
      if (this.#depth === 0) return byte === 0x5d
      this.#depth--
    }
    return byte === COMMA && this.#depth === 0
  }

  #string(byte: number): void {
    if (this.#isEscaped) this.#isEscaped = false
    else if (byte === BACKSLASH) this.#isEscaped = true
    else if (byte === QUOTE) this.#inString = false
  }
}

function isSpace(byte: number): boolean {
  return byte === 32 || byte === 9 || byte === 10 || byte === 13
}

function isBlank(bytes: Buffer): boolean {
  for (const byte of bytes) if (!isSpace(byte)) return false
  return true
}
