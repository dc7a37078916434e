/**
 * Reads JSON without losing anything that the trade rules look at: numbers keep their text, duplicate names are reported, and
 * so are strings that no database keeps. Written to be read; it shares no code with the product.
 */
export function readJson(text: string): JsonReading {
  const reader = new JsonReader(text)
  try {
    reader.skipSpace()
    const value = reader.value(0)
    reader.skipSpace()
    if (reader.position < text.length) reader.fail('the end of the text')
    return { value, syntaxError: undefined, faults: reader.faults, members: reader.members }
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error
    return { value: undefined, syntaxError: error.message, faults: reader.faults, members: reader.members }
  }
}

export interface JsonReading {
  /** `undefined` where the text is not JSON. */
  readonly value: JsonValue | undefined
  readonly syntaxError: string | undefined
  readonly faults: ReadonlySet<JsonFault>
  /** The members of the outermost object, each with every value it was given, in order: as far as reading came. */
  readonly members: ReadonlyMap<string, readonly JsonValue[]>
}

/** What well-formed JSON may have and a trade may not. */
export type JsonFault = 'too-deep' | 'U+0000' | 'unpaired surrogate'
export type JsonValue = null | boolean | string | JsonNumber | readonly JsonValue[] | JsonObject
export type JsonObject = ReadonlyMap<string, JsonValue>

export const MAX_DEPTH = 64
// Deeper than this the reader's own recursion would end the process; such a text is refused for its depth anyway.
const READER_DEPTH = 1000

/** Most numbers: a few digits, no zero at their end. */
const WHOLE = /^(?:0|\d{0,15}[1-9])$/

export class JsonNumber {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }

  /** One text for all forms of one value: digits without zeros at either end, and a power of ten. `-1.50`, `-15e-1`: `-15e-1`. */
  get exact(): string {
    if (WHOLE.test(this.text)) return this.text === '0' ? '0e0' : `${this.text}e0`
    const parts = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(this.text)
    if (parts === null) throw new Error(`${this.text} is not a JSON number`)
    const [, sign = '', whole = '', fraction = '', power = '0'] = parts
    const digits = (whole + fraction).replace(/^0+/, '')
    if (digits === '') return '0e0'
    const significant = digits.replace(/0+$/, '')
    const exponent = BigInt(power) - BigInt(fraction.length) + BigInt(digits.length - significant.length)
    return `${sign}${significant}e${exponent}`
  }

  /** The value as an integer, `undefined` if it has a fraction or more than twenty digits. */
  get integer(): bigint | undefined {
    if (WHOLE.test(this.text)) return BigInt(this.text)
    const [digits = '', power = '0'] = this.exact.split('e')
    const exponent = BigInt(power)
    if (exponent < 0n || exponent > 20n) return undefined
    return BigInt(digits) * 10n ** exponent
  }
}

/** Same content: objects unordered, arrays ordered, numbers by exact value. */
export function sameJson(a: JsonValue, b: JsonValue): boolean {
  if (a instanceof JsonNumber) return b instanceof JsonNumber && (a.text === b.text || a.exact === b.exact)
  if (isArray(a)) return isArray(b) && a.length === b.length && a.every((item, i) => sameJson(item, b[i] ?? null))
  if (a instanceof Map) {
    if (!(b instanceof Map) || a.size !== b.size) return false
    for (const [name, value] of a) {
      const other = b.get(name)
      if (other === undefined || !sameJson(value, other)) return false
    }
    return true
  }
  return a === b
}

/** The shortest text; the digits of numbers stay as they were. */
export function writeJson(value: JsonValue): string {
  if (value instanceof JsonNumber) return value.text
  if (isArray(value)) return `[${value.map(writeJson).join(',')}]`
  if (value instanceof Map) return `{${[...value].map(([name, member]) => `${JSON.stringify(name)}:${writeJson(member)}`).join(',')}}`
  return JSON.stringify(value)
}

export function isArray(value: unknown): value is readonly JsonValue[] {
  return Array.isArray(value)
}

export function isObject(value: JsonValue | undefined): value is JsonObject {
  return value instanceof Map
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09 || code === 0x0a || code === 0x0d
}

class JsonSyntaxError extends Error {}

const ESCAPES = new Map([['"', '"'], ['\\', '\\'], ['/', '/'], ['b', '\b'], ['f', '\f'], ['n', '\n'], ['r', '\r'], ['t', '\t']])

// Sticky: they match where the reader stands.
const PLAIN = /[^"\\\u0000-\u001f]*/y
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y

class JsonReader {
  readonly faults = new Set<JsonFault>()
  readonly members = new Map<string, JsonValue[]>()
  position = 0
  readonly #text: string

  constructor(text: string) {
    this.#text = text
  }

  /** `depth`: how many arrays and objects are open around this value. */
  value(depth: number): JsonValue {
    const first = this.#text[this.position]
    if (first === '{') return this.#object(depth + 1)
    if (first === '[') return this.#array(depth + 1)
    if (first === '"') return this.#string()
    if (this.#takes('true')) return true
    if (this.#takes('false')) return false
    if (this.#takes('null')) return null
    return this.#number()
  }

  skipSpace(): void {
    while (isSpace(this.#text.charCodeAt(this.position))) this.position++
  }

  fail(expected: string): never {
    throw new JsonSyntaxError(`at character ${this.position} there is ${JSON.stringify(this.#text[this.position] ?? 'the end')}, expected ${expected}`)
  }

  #object(depth: number): JsonObject {
    this.#enter(depth)
    const object = new Map<string, JsonValue>()
    this.position++
    this.skipSpace()
    if (this.#takes('}')) return object
    for (;;) {
      if (this.#text[this.position] !== '"') this.fail('a name in quotes')
      const name = this.#string()
      this.skipSpace()
      if (!this.#takes(':')) this.fail('a colon')
      this.skipSpace()
      const value = this.value(depth)
      object.set(name, value)
      if (depth === 1) this.#member(name).push(value)
      this.skipSpace()
      if (this.#takes('}')) return object
      if (!this.#takes(',')) this.fail('a comma or a closing brace')
      this.skipSpace()
    }
  }

  #member(name: string): JsonValue[] {
    let values = this.members.get(name)
    if (values === undefined) this.members.set(name, (values = []))
    return values
  }

  #array(depth: number): readonly JsonValue[] {
    this.#enter(depth)
    const array: JsonValue[] = []
    this.position++
    this.skipSpace()
    if (this.#takes(']')) return array
    for (;;) {
      array.push(this.value(depth))
      this.skipSpace()
      if (this.#takes(']')) return array
      if (!this.#takes(',')) this.fail('a comma or a closing bracket')
      this.skipSpace()
    }
  }

  #enter(depth: number): void {
    if (depth > MAX_DEPTH) this.faults.add('too-deep')
    if (depth > READER_DEPTH) this.fail('less nesting')
  }

  #string(): string {
    let content = ''
    this.position++
    for (;;) {
      PLAIN.lastIndex = this.position
      PLAIN.test(this.#text)
      content += this.#text.slice(this.position, PLAIN.lastIndex)
      this.position = PLAIN.lastIndex
      if (this.#takes('"')) break
      if (!this.#takes('\\')) this.fail('the end of a string')
      content += this.#escape()
    }
    if (content.includes('\u0000')) this.faults.add('U+0000')
    if (!content.isWellFormed()) this.faults.add('unpaired surrogate')
    return content
  }

  #escape(): string {
    const letter = this.#text[this.position] ?? ''
    if (letter === 'u') {
      const hex = this.#text.slice(this.position + 1, this.position + 5)
      if (!/^[0-9a-fA-F]{4}$/.test(hex)) this.fail('four hexadecimal digits')
      this.position += 5
      return String.fromCharCode(Number.parseInt(hex, 16))
    }
    const character = ESCAPES.get(letter)
    if (character === undefined) this.fail('an escape that JSON knows')
    this.position++
    return character
  }

  #number(): JsonNumber {
    NUMBER.lastIndex = this.position
    const text = NUMBER.exec(this.#text)?.[0]
    if (text === undefined) this.fail('a value')
    this.position += text.length
    return new JsonNumber(text)
  }

  #takes(text: string): boolean {
    if (!this.#text.startsWith(text, this.position)) return false
    this.position += text.length
    return true
  }
}
