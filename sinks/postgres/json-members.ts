import { JsonScanner } from '../../serdes/json-scanner.ts'

const QUOTE = 34
const COMMA = 44
const OPEN_OBJECT = 123
const CLOSE_OBJECT = 125

/** The text is no JSON object, or holds what no database could keep. */
export class JsonSyntaxError extends Error {
  override readonly name = 'JsonSyntaxError'
}

/** Walks the members of the JSON object that a buffer holds, one level deep: it tells where names and values stand and copies nothing. */
export class JsonMembers {
  readonly #scanner = new JsonScanner()
  #start = 0
  #first = true
  /** Where the member begins: the quote of its name. */
  memberStart = 0
  /** The name, without quotes. */
  nameStart = 0
  nameEnd = 0
  nameEscaped = false
  /** The value; of a string, the quotes included. It is the end of the member, too. */
  valueStart = 0
  valueEnd = 0
  /** The value is a string with a backslash in it. Of no meaning for other values. */
  valueEscaped = false

  reset(buffer: Buffer, start: number, end: number): void {
    this.#scanner.reset(buffer, start, end)
    this.#start = start
    this.#first = true
    this.#take(OPEN_OBJECT, '{')
  }

  /** Moves to the next member; false at the end of the object. Throws `JsonSyntaxError`. */
  next(): boolean {
    const scanner = this.#scanner
    const byte = scanner.next()
    if (byte === CLOSE_OBJECT) return this.#finish()
    if (!this.#first) this.#take(COMMA, ', or }')
    this.#first = false
    scanner.next()
    this.memberStart = scanner.position
    if (!scanner.name()) throw this.#fault()
    this.nameStart = scanner.stringStart
    this.nameEnd = scanner.stringEnd
    this.nameEscaped = scanner.stringEscaped
    scanner.next()
    this.valueStart = scanner.position
    if (!scanner.value(1)) throw this.#fault()
    this.valueEnd = scanner.position
    this.valueEscaped = scanner.stringEscaped
    return true
  }

  get valueIsString(): boolean {
    return this.#scanner.buffer[this.valueStart] === QUOTE
  }

  #finish(): false {
    const scanner = this.#scanner
    scanner.position++
    if (scanner.next() !== -1) throw new JsonSyntaxError(`text behind the object, at byte ${scanner.position - this.#start}`)
    if (scanner.contentFault !== undefined) throw new JsonSyntaxError(`${scanner.contentFault} at byte ${scanner.contentFaultAt - this.#start}`)
    return false
  }

  #take(byte: number, expected: string): void {
    const scanner = this.#scanner
    if (scanner.next() !== byte) {
      scanner.fail(scanner.position, expected)
      throw this.#fault()
    }
    scanner.position++
  }

  #fault(): JsonSyntaxError {
    const { faultAt, faultExpected } = this.#scanner
    return new JsonSyntaxError(`no JSON: ${faultExpected} expected at byte ${faultAt - this.#start}`)
  }
}
