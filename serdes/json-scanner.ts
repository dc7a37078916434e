import type { ByteView } from '../records/byte-view.ts'

/** A fault that leaves the text readable as JSON: the scan goes on, the first one is kept. */
export type JsonContentFault = 'U+0000' | 'unpaired surrogate' | 'too deep'

export const MAX_JSON_DEPTH = 64

const QUOTE = 34
const COMMA = 44
const MINUS = 45
const DOT = 46
const ZERO = 48
const NINE = 57
const COLON = 58
const OPEN_ARRAY = 91
const BACKSLASH = 92
const CLOSE_ARRAY = 93
const OPEN_OBJECT = 123
const CLOSE_OBJECT = 125

const SHORT_ESCAPES = new Set(Array.from('"\\/bfnrt', (char) => char.charCodeAt(0)))
const LITERALS = [Buffer.from('true'), Buffer.from('false'), Buffer.from('null')]

/**
 * Reads JSON (RFC 8259) in one pass over its bytes and builds nothing: it checks the grammar and UTF-8, and tells where strings stand and how many code points
 * they have. The caller walks the members of the outermost object; a value that it does not care about is passed over whole, at any depth.
 *
 * Each method expects its token at `position`, moves behind it and answers whether it was one; after `false`, `faultAt` and `faultExpected` say why.
 */
export class JsonScanner {
  buffer: Buffer = Buffer.alloc(0)
  position = 0
  end = 0
  /** The string read last, without its quotes. */
  stringStart = 0
  stringEnd = 0
  /** It holds a backslash: its bytes are not its text. */
  stringEscaped = false
  stringCodePoints = 0
  /** Where the text ceases to be JSON, and what should stand there. */
  faultAt = 0
  faultExpected = ''
  contentFault: JsonContentFault | undefined = undefined
  contentFaultAt = 0
  /** Containers that are open within the value that is passed over: 1 an object, 0 an array. */
  #open = new Uint8Array(MAX_JSON_DEPTH)

  reset(buffer: Buffer, start: number, end: number): void {
    this.buffer = buffer
    this.position = start
    this.end = end
    this.contentFault = undefined
  }

  /** Passes over white space and answers the byte behind it without taking it; -1 at the end of the text. */
  next(): number {
    const { position } = this
    const byte = position < this.end ? (this.buffer[position] ?? 0) : -1
    return byte > 32 || byte < 0 ? byte : this.#behindSpace()
  }

  #behindSpace(): number {
    const { buffer, end } = this
    let at = this.position
    while (at < end) {
      const byte = buffer[at] ?? 0
      if (byte > 32 || (byte !== 32 && byte !== 10 && byte !== 13 && byte !== 9)) {
        this.position = at
        return byte
      }
      at++
    }
    this.position = at
    return -1
  }

  /** A name and its colon; the name is then the string read last. */
  name(): boolean {
    if (this.next() !== QUOTE) return this.fail(this.position, 'a name in quotes')
    if (!this.string()) return false
    if (this.next() !== COLON) return this.fail(this.position, 'a colon')
    this.position++
    return true
  }

  /** A string, its opening quote at `position`. */
  string(): boolean {
    const { buffer, end } = this
    let at = this.position + 1
    this.stringStart = at
    this.stringEscaped = false
    // Bytes that are not a code point of their own.
    let surplus = 0
    for (;;) {
      let byte = -1
      while (at < end) {
        byte = buffer[at] ?? 0
        if (byte === QUOTE || byte === BACKSLASH || byte < 32 || byte > 127) break
        at++
      }
      if (at >= end) return this.fail(at, 'the end of a string')
      if (byte === QUOTE) break
      const length = byte === BACKSLASH ? this.#escape(at) : this.#multiByte(at)
      if (length === 0) return false
      surplus += length - 1
      at += length
    }
    this.stringEnd = at
    this.stringCodePoints = at - this.stringStart - surplus
    this.position = at + 1
    return true
  }

  number(): boolean {
    const { buffer, end } = this
    let at = this.position
    if (at < end && buffer[at] === MINUS) at++
    const integer = at
    at = this.#digits(at)
    if (at === integer) return this.fail(at, 'a digit')
    if (buffer[integer] === ZERO && at > integer + 1) return this.fail(integer + 1, 'no digit behind a leading zero')
    if (at < end && buffer[at] === DOT) {
      const fraction = at + 1
      at = this.#digits(fraction)
      if (at === fraction) return this.fail(at, 'a digit')
    }
    if (at < end && ((buffer[at] ?? 0) | 32) === 101) {
      at++
      if (at < end && (buffer[at] === MINUS || buffer[at] === 43)) at++
      const exponent = at
      at = this.#digits(exponent)
      if (at === exponent) return this.fail(at, 'a digit')
    }
    this.position = at
    return true
  }

  /** Passes over a value. `depth`: containers that are open around it. */
  value(depth: number): boolean {
    const byte = this.next()
    return byte === OPEN_OBJECT || byte === OPEN_ARRAY ? this.#container(depth) : this.#scalar(byte)
  }

  fail(at: number, expected: string): false {
    this.faultAt = at
    this.faultExpected = expected
    return false
  }

  #scalar(byte: number): boolean {
    if (byte === QUOTE) return this.string()
    if (byte === MINUS || (byte >= ZERO && byte <= NINE)) return this.number()
    for (const literal of LITERALS) {
      if (literal[0] !== byte) continue
      for (let i = 1; i < literal.length; i++)
        if (this.position + i >= this.end || this.buffer[this.position + i] !== literal[i]) return this.fail(this.position, 'a value')
      this.position += literal.length
      return true
    }
    return this.fail(this.position, 'a value')
  }

  /** Not recursive: a hostile text may open a million brackets, and what is behind them is still wanted. */
  #container(depth: number): boolean {
    let level = 0
    for (;;) {
      const byte = this.next()
      let open = byte === OPEN_OBJECT || byte === OPEN_ARRAY
      if (open) {
        const isObject = byte === OPEN_OBJECT
        this.#push(level++, isObject, depth)
        this.position++
        if (this.next() === (isObject ? CLOSE_OBJECT : CLOSE_ARRAY)) open = false
        else if (isObject && !this.name()) return false
      } else if (!this.#scalar(byte)) return false
      if (open) continue
      level = this.#afterValue(level)
      if (level <= 0) return level === 0
    }
  }

  /** Closes what ends behind a value and moves to the next value. Answers how many containers are still open, -1 for a fault. */
  #afterValue(opened: number): number {
    let level = opened
    while (level > 0) {
      const isObject = this.#open[level - 1] === 1
      const byte = this.next()
      if (byte === COMMA) {
        this.position++
        return isObject && !this.name() ? -1 : level
      }
      if (byte !== (isObject ? CLOSE_OBJECT : CLOSE_ARRAY)) {
        this.fail(this.position, isObject ? 'a comma or }' : 'a comma or ]')
        return -1
      }
      this.position++
      level--
    }
    return 0
  }

  #push(level: number, isObject: boolean, depth: number): void {
    if (level === this.#open.length) {
      const grown = new Uint8Array(level * 2)
      grown.set(this.#open)
      this.#open = grown
    }
    this.#open[level] = isObject ? 1 : 0
    if (depth + level >= MAX_JSON_DEPTH) this.#content('too deep', this.position)
  }

  #digits(from: number): number {
    const { buffer, end } = this
    let at = from
    while (at < end) {
      const byte = buffer[at] ?? 0
      if (byte < ZERO || byte > NINE) break
      at++
    }
    return at
  }

  /** Length of the escape at `at`, of both halves of a surrogate pair; 0 for a fault. */
  #escape(at: number): number {
    this.stringEscaped = true
    const { buffer, end } = this
    const kind = at + 1 < end ? (buffer[at + 1] ?? 0) : 0
    if (SHORT_ESCAPES.has(kind)) return 2
    const unit = kind === 117 ? this.#hex(at + 2) : -1
    if (unit < 0) {
      this.fail(at, 'an escape sequence of JSON')
      return 0
    }
    if (unit === 0) this.#content('U+0000', at)
    if (unit < 0xd800 || unit > 0xdfff) return 6
    if (unit < 0xdc00 && buffer[at + 6] === BACKSLASH && buffer[at + 7] === 117) {
      const low = this.#hex(at + 8)
      if (low >= 0xdc00 && low <= 0xdfff) return 12
    }
    this.#content('unpaired surrogate', at)
    return 6
  }

  #hex(at: number): number {
    if (at + 4 > this.end) return -1
    let unit = 0
    for (let i = at; i < at + 4; i++) {
      const byte = this.buffer[i] ?? 0
      const lower = byte | 32
      const digit = byte >= ZERO && byte <= NINE ? byte - ZERO : lower >= 97 && lower <= 102 ? lower - 87 : -1
      if (digit < 0) return -1
      unit = unit * 16 + digit
    }
    return unit
  }

  #multiByte(at: number): number {
    const byte = this.buffer[at] ?? 0
    const length = byte < 128 ? 0 : utf8Length(this.buffer, at, this.end)
    if (length === 0) this.fail(at, byte < 128 ? 'no control character in a string' : 'valid UTF-8')
    return length
  }

  #content(fault: JsonContentFault, at: number): void {
    if (this.contentFault !== undefined) return
    this.contentFault = fault
    this.contentFaultAt = at
  }
}

/** Length of the UTF-8 sequence at `at`, as Unicode has it: the shortest form, no surrogate, up to U+10FFFF; 0 if there is none. */
export function utf8Length(buffer: Uint8Array, at: number, end: number): number {
  const first = buffer[at] ?? 0
  if (first < 0x80) return 1
  const length = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0
  if (length === 0 || at + length > end) return 0
  const second = buffer[at + 1] ?? 0
  const least = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80
  const most = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf
  if (second < least || second > most) return 0
  for (let i = at + 2; i < at + length; i++) if (((buffer[i] ?? 0) & 0xc0) !== 0x80) return 0
  return length
}

/** Code points of a UTF-8 text; `undefined` if it is none. */
export function utf8CodePoints(text: ByteView): number | undefined {
  let count = 0
  for (let at = text.start; at < text.end; count++) {
    const length = utf8Length(text.buffer, at, text.end)
    if (length === 0) return undefined
    at += length
  }
  return count
}
