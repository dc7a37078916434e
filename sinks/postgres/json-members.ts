const QUOTE = 34
const BACKSLASH = 92
const COMMA = 44
const COLON = 58
const OPEN_OBJECT = 123
const CLOSE_OBJECT = 125
const OPEN_ARRAY = 91
const CLOSE_ARRAY = 93

/** The text is no JSON object. */
export class JsonSyntaxError extends Error {
  override readonly name = 'JsonSyntaxError'
}

/**
 * Walks the members of the JSON object that a buffer holds, one level deep: it tells where names and values stand and copies nothing. Nested
 * values are passed over by their brackets and quotes; whether they are well-formed is for the database to say, which reads them anyway.
 */
export class JsonMembers {
  #buffer: Buffer = Buffer.alloc(0)
  #position = 0
  #end = 0
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
    this.#buffer = buffer
    this.#end = end
    this.#first = true
    this.#position = this.#space(start)
    this.#expect(OPEN_OBJECT, '{')
  }

  /** Moves to the next member; false at the end of the object. Throws `JsonSyntaxError`. */
  next(): boolean {
    let at = this.#space(this.#position)
    const buffer = this.#buffer
    if (at < this.#end && buffer[at] === CLOSE_OBJECT && this.#first) return this.#finish(at)
    if (!this.#first) {
      if (at < this.#end && buffer[at] === CLOSE_OBJECT) return this.#finish(at)
      this.#position = at
      this.#expect(COMMA, ', or }')
      at = this.#space(this.#position)
    }
    this.#first = false
    this.memberStart = at
    this.#position = at
    this.#expect(QUOTE, 'a name in quotes')
    this.nameStart = at + 1
    at = this.#string(at)
    this.nameEnd = at - 1
    this.nameEscaped = this.#escaped
    this.#position = this.#space(at)
    this.#expect(COLON, ':')
    at = this.#space(this.#position)
    this.valueStart = at
    at = this.#value(at)
    this.valueEnd = at
    this.valueEscaped = this.#escaped
    this.#position = at
    return true
  }

  get valueIsString(): boolean {
    return this.#buffer[this.valueStart] === QUOTE
  }

  #escaped = false

  #finish(at: number): false {
    const rest = this.#space(at + 1)
    if (rest < this.#end) throw new JsonSyntaxError(`text behind the object, at byte ${rest}`)
    return false
  }

  #expect(byte: number, what: string): void {
    const at = this.#position
    if (at >= this.#end) throw new JsonSyntaxError(`the text ends where ${what} is expected`)
    if (this.#buffer[at] !== byte) throw new JsonSyntaxError(`${what} expected at byte ${at}, found ${JSON.stringify(String.fromCharCode(this.#buffer[at] ?? 0))}`)
    this.#position = at + 1
  }

  #space(from: number): number {
    const buffer = this.#buffer
    let at = from
    while (at < this.#end) {
      const byte = buffer[at]
      if (byte !== 32 && byte !== 10 && byte !== 13 && byte !== 9) break
      at++
    }
    return at
  }

  /** Position behind the closing quote of the string that opens at `from`. */
  #string(from: number): number {
    const buffer = this.#buffer
    const end = this.#end
    this.#escaped = false
    for (let at = from + 1; at < end; at++) {
      const byte = buffer[at]
      if (byte === QUOTE) return at + 1
      if (byte === BACKSLASH) {
        this.#escaped = true
        at++
      }
    }
    throw new JsonSyntaxError('the text ends within a string')
  }

  #value(from: number): number {
    const byte = this.#buffer[from]
    if (from < this.#end && byte === QUOTE) return this.#string(from)
    this.#escaped = false
    return byte === OPEN_OBJECT || byte === OPEN_ARRAY ? this.#nested(from) : this.#scalar(from)
  }

  #nested(from: number): number {
    const buffer = this.#buffer
    let depth = 0
    let at = from
    while (at < this.#end) {
      const byte = buffer[at]
      if (byte === QUOTE) {
        at = this.#string(at)
        continue
      }
      at++
      if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) depth++
      else if ((byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) && --depth === 0) return at
    }
    throw new JsonSyntaxError('the text ends within a nested value')
  }

  #scalar(from: number): number {
    const buffer = this.#buffer
    let at = from
    while (at < this.#end) {
      const byte = buffer[at] ?? 0
      if (byte === COMMA || byte === CLOSE_OBJECT || byte <= 32) break
      at++
    }
    if (at === from) throw new JsonSyntaxError(`a value expected at byte ${from}`)
    return at
  }
}
