/**
 * Makes up input records of the trade flow from a seed: mostly good ones about few trades, so that they meet, and every kind of faulty one. The business date of a test that
 * uses it is about 2026-12-11.
 */
export class MessageSource {
  readonly ids = ['T1', 'T2', 'T3', 'Té', 'T😀', '"q"', 'a\\b', 'x'.repeat(50), '😀'.repeat(50), ' T', '\ufeffT', '\u0001']
  #state: number
  readonly #sent: { key: Buffer | null; value: Buffer | null }[] = []

  constructor(seed: number) {
    this.#state = seed
  }

  /** From 0 up to, but not including, `limit`. */
  below(limit: number): number {
    // mulberry32
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * limit)
  }

  chance(percent: number): boolean {
    return this.below(100) < percent
  }

  pick<T>(first: T, ...others: T[]): T {
    return others[this.below(others.length + 1) - 1] ?? first
  }

  /** A key and a value, one time in seven such as there were before. */
  record(): { key: Buffer | null; value: Buffer | null } {
    if (this.#sent.length > 0 && this.chance(14)) return this.#sent[this.below(this.#sent.length)] ?? { key: null, value: null }
    const id = this.pick('T1', ...this.ids)
    const record = { key: this.#key(id), value: this.#value(id) }
    this.#sent.push(record)
    return record
  }

  headers(): { key: string; value: Buffer | null }[] {
    const headers: { key: string; value: Buffer | null }[] = []
    if (this.chance(30)) headers.push({ key: 'traceparent', value: Buffer.from('00-a-b-01') })
    const ids = ['r1', 'r2', 'r3', 'r4', 'r5', 'r6', 'é"\\\u0000', '', 'a'.repeat(200), 'a'.repeat(201)].map((id) => Buffer.from(id))
    if (this.chance(20)) headers.push({ key: 'request-id', value: this.pick<Buffer | null>(null, Buffer.from([0xff]), ...ids) })
    if (this.chance(5)) headers.push({ key: 'request-id', value: this.pick<Buffer | null>(null, ...ids) })
    return headers
  }

  #key(id: string): Buffer | null {
    if (this.chance(97)) return Buffer.from(id)
    return this.pick<Buffer | null>(
      null,
      Buffer.from([0xff, 0x41]),
      ...['', 'x'.repeat(51), 'a\u0000', '😀'.repeat(51), 'T1', 'T2'].map((key) => Buffer.from(key)),
    )
  }

  #value(id: string): Buffer | null {
    if (this.chance(10)) return null
    if (this.chance(2)) return Buffer.from(this.pick('', 'null', '[]', '1', '"x"', '{}', '{', ' ', '{"version":3}', 'nul', '{}{}'))
    const bytes = Buffer.from(this.#message(id))
    if (this.chance(2)) bytes[this.below(bytes.length)] = this.pick(0, 0x22, 0x5c, 0x80, 0xff, 0xc0, 0xed, 0x7b, 0x7d, 0x2c, 0x31, 0x0a)
    if (this.chance(1)) return Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), bytes])
    return this.chance(1) ? bytes.subarray(0, this.below(bytes.length)) : bytes
  }

  #message(id: string): string {
    const members = this.#members(id, this.chance(12) ? this.below(10) : -1)
    if (this.chance(40)) members.sort(() => this.below(3) - 1)
    const space = (): string => (this.chance(4) ? this.pick(' ', '\n', '\t', '\r\n') : '')
    return `${space()}{${members.map((member) => `${space()}${member}${space()}`).join(',')}}${space()}`
  }

  /** `fault`: which of the ways to go wrong is taken. */
  #members(id: string, fault: number): string[] {
    const counterparty = this.pick('C1', 'C2')
    const members = [
      this.#member('trade_id', fault === 0 ? this.pick('1', 'null', this.#string('T1'), '"\\u0000"') : this.#string(id)),
      this.#member('version', fault === 1 ? this.pick('"1"', '0', '-1', '1.5', '2147483648', '1e400', 'null', '-0', '01', '1.') : this.#version()),
      this.#member('book_id', fault === 2 ? this.pick('{}', '""', `"${'b'.repeat(51)}"`) : this.#string(this.pick('B1', 'b'.repeat(50)))),
      this.#member(
        'maturity_date',
        fault === 3
          ? this.pick('20261211', '"2026-02-29"', '"2026-12-11T00:00:00Z"', '"0000-01-01"')
          : this.#string(
              this.chance(70)
                ? '2027-05-20'
                : this.pick('2026-12-10', '2026-12-11', '2026-12-12', '2026-12-13', '2026-12-16', '2026-12-24', '2027-01-05', '9999-12-31', '0001-01-01'),
            ),
      ),
      this.#member('created_date', fault === 4 ? '"2026-13-01"' : this.#string('2026-12-01')),
    ]
    if (this.chance(70)) members.push(this.#member('counterparty_id', fault === 5 ? this.pick('1', '""', 'null') : this.#string(counterparty)))
    if (members.length === 5 || this.chance(20)) members.push(this.#member('counter_party_id', this.#string(this.chance(90) ? counterparty : 'C9')))
    for (const ignored of ['expired', 'expired', 'last_updated', 'expired_at']) if (this.chance(15)) members.push(this.#member(ignored, this.#json(1)))
    while (this.chance(30)) members.push(this.#member(this.pick('x', 'y', 'é', '__proto__', '', 'tradeid', 'bookxid', 'expired_on'), this.#json(1)))
    if (fault === 6) members.splice(this.below(members.length), 1)
    if (fault === 7) members.push(members[this.below(members.length)] ?? '')
    if (fault === 8) members.push(`"deep":${'['.repeat(63)}${this.pick('[]', '1')}${']'.repeat(63)}`)
    if (fault === 9) members.push(`"s":"${this.pick('\\u0000', '\\ud800', '\\udc00\\ud800', '\\ud83d\\ude00', '\\ud83dx', '\\u00', '\\x')}"`)
    return members
  }

  /** It rises with the records, so that there is always a trade to be updated. */
  #version(): string {
    const version = 1 + Math.floor(this.#sent.length / 30) + this.below(6)
    return this.pick(`${version}`, `${version}`, `${version}`, `${version}.0`, `${version}e0`, `${version}0e-1`)
  }

  #member(name: string, value: string): string {
    return `${this.#string(name)}:${value}`
  }

  /** JSON of a text, some characters of it with escapes. */
  #string(text: string): string {
    const units = (char: string): string => Array.from({ length: char.length }, (_, i) => `\\u${char.charCodeAt(i).toString(16).padStart(4, '0')}`).join('')
    return `"${Array.from(text, (char) => (this.chance(2) ? units(char) : JSON.stringify(char).slice(1, -1))).join('')}"`
  }

  #json(depth: number): string {
    const kind = this.below(4)
    if (kind === 0 || depth > 4)
      return this.pick('1', '1.0', '10e-1', '-0', '0', '1e400', '10e399', '12345678901234567890.10', '1E+2', '100', 'true', 'false', 'null')
    if (kind === 1) return this.#string(this.pick('', 'a', 'é', '😀', 'a"b\\', '\n', '\uffff'))
    const items = Array.from({ length: this.below(3) }, () => this.#json(depth + 1))
    return kind === 2 ? `[${items.join(this.pick(',', ' , '))}]` : `{${items.map((item) => this.#member(this.pick('a', 'b', ''), item)).join(',')}}`
  }
}
