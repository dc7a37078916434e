import { canonicalNumber } from './json-number.ts'

/**
 * One text for all JSON texts of the same content: object members sorted, the last of duplicates counting, numbers by exact value, strings after unescaping, no spaces.
 * Two texts are equal as JSON exactly if these are. The text is known to be valid and at most 64 levels deep. `without`: members of the outermost object to leave out.
 */
export function canonicalJson(text: string, without: ReadonlySet<string> = NONE): string {
  return new Canonical(text).value(without)
}

const NONE: ReadonlySet<string> = new Set()
const SPACE = ' \t\n\r'
const BEHIND_SCALAR = `${SPACE},]}`

class Canonical {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  value(without: ReadonlySet<string>): string {
    this.#skipSpace()
    const first = this.#text[this.#at]
    if (first === '{') return this.#object(without)
    if (first === '[') return this.#array()
    if (first === '"') return JSON.stringify(this.#string())
    const from = this.#at
    while (this.#at < this.#text.length && !BEHIND_SCALAR.includes(this.#text.charAt(this.#at))) this.#at++
    const scalar = this.#text.slice(from, this.#at)
    return 'tfn'.includes(scalar.charAt(0)) ? scalar : canonicalNumber(scalar)
  }

  #object(without: ReadonlySet<string>): string {
    const members = new Map<string, string>()
    while (this.#hasNext('}')) {
      const name = this.#string()
      this.#skipSpace()
      this.#at++
      const value = this.value(NONE)
      if (!without.has(name)) members.set(name, value)
    }
    const names = [...members.keys()].sort()
    return `{${names.map((name) => `${JSON.stringify(name)}:${members.get(name)}`).join(',')}}`
  }

  #array(): string {
    const items: string[] = []
    while (this.#hasNext(']')) items.push(this.value(NONE))
    return `[${items.join(',')}]`
  }

  /** Moves over the opening bracket or the comma to the next member, or over the closing bracket. */
  #hasNext(close: string): boolean {
    this.#skipSpace()
    if (this.#text[this.#at] !== close) this.#at++
    this.#skipSpace()
    if (this.#text[this.#at] !== close) return true
    this.#at++
    return false
  }

  #string(): string {
    const from = this.#at++
    while (this.#text[this.#at] !== '"') this.#at += this.#text[this.#at] === '\\' ? 2 : 1
    this.#at++
    return String(JSON.parse(this.#text.slice(from, this.#at)))
  }

  #skipSpace(): void {
    while (this.#at < this.#text.length && SPACE.includes(this.#text.charAt(this.#at))) this.#at++
  }
}
