import type { ByteView } from '../records/byte-view.ts'
import type { ByteWriter } from '../records/byte-writer.ts'
import { integerAt } from '../serdes/json-number.ts'
import { JsonScanner, MAX_JSON_DEPTH } from '../serdes/json-scanner.ts'
import { decodeJsonString } from '../serdes/json-text.ts'
import { dayAt, dayOfText } from '../serdes/calendar-day.ts'
import { type Refusal, refusal } from './refusal.ts'
import { SplicedObject } from './spliced-object.ts'
import { BEGINNINGS, FIELD, FIELD_NAMES, type Field, fieldAt, fieldOf, OUTPUT_NAMES } from './trade-fields.ts'
import { UnknownNames } from './unknown-names.ts'

export const ID_CODE_POINTS = 50
export const HIGHEST_VERSION = 2_147_483_647

const QUOTE = 34
const COMMA = 44
const MINUS = 45
const ZERO = 48
const NINE = 57
const OPEN_OBJECT = 123
const CLOSE_OBJECT = 125
/** Levels of nesting around a member of the message. */
const DEPTH = 1

const COUNTERPARTY_BITS = (1 << FIELD.counterpartyId) | (1 << FIELD.counterpartyAlias)
const REQUIRED: readonly Field[] = [FIELD.tradeId, FIELD.version, FIELD.counterpartyId, FIELD.bookId, FIELD.maturityDate, FIELD.createdDate]
const ALL_REQUIRED = REQUIRED.reduce<number>((bits, field) => bits | (1 << field), 0)

const IDENTIFIER = 'a string of 1 to 50 code points'
const VERSION = 'an integer from 1 to 2147483647'
const DAY = 'a calendar day as "YYYY-MM-DD"'
/** By field. */
const EXPECTED: readonly string[] = ['', IDENTIFIER, VERSION, IDENTIFIER, IDENTIFIER, IDENTIFIER, DAY, DAY]

/** A day with its quotes. */
const DAY_BYTES = 12
/** What `details.field` says of a fault of the value as a whole. */
const VALUE = 'value'
/** More than 200 code points of any text, so that the cut is made there. */
const LONGEST_EXCERPT_BYTES = 1000
const NOTHING = Buffer.alloc(0)

/** Where a string of the message stands, without its quotes. */
class Text {
  start = 0
  end = 0
  escaped = false
}

/**
 * A trade message, read and checked against the section "Message" of the domain in one pass over its bytes, without building objects. Of the good message it
 * holds what the rules need, and where its parts stand for writing it out again. Used again for each record; it refers to the bytes it was given.
 */
export class TradeMessage {
  version = 0
  /** Days since 1970-01-01. */
  maturityDay = 0
  /** The version, also of a message that is refused: if the text is JSON and has a good one, once. */
  readableVersion: number | undefined = undefined
  readonly #scanner = new JsonScanner()
  readonly #names = new UnknownNames()
  readonly #output = new SplicedObject()
  /** Of the member that is being read. */
  readonly #name = new Text()
  readonly #tradeId = new Text()
  readonly #counterparty = new Text()
  readonly #other = new Text()
  /** What goes out as the version, if it is not as it came in. */
  #versionText: Buffer | undefined
  /** By field, the one that came next the last time. */
  readonly #successors: Field[] = FIELD_NAMES.map(() => FIELD.unknown)
  /** Bit n: field n has been seen. */
  #seen = 0
  /** The first one. */
  #fault: Refusal | undefined
  readonly #everyFault: boolean
  #faults: Refusal[] = []
  /** Starts of members that a later one of the same name replaces; `undefined`: there are none. */
  #replaced: Set<number> | undefined

  /** `everyFault`: all faults are kept, for whoever can still put them right, not only the first one. */
  constructor(options: { everyFault?: boolean } = {}) {
    this.#everyFault = options.everyFault ?? false
  }

  /** Answers whether the message is good; if not, `refusal` says why. */
  read(value: ByteView): boolean {
    this.#replaced = undefined
    if (!this.#scan(value)) return false
    // A name was there twice: once more, now that it is known which of them to leave out.
    return this.#replaced === undefined || this.#scan(value)
  }

  /** Why the message that was read last is refused. */
  refusal(): Refusal {
    if (this.#fault === undefined) throw new Error('the message is good: there is no refusal')
    return this.#fault
  }

  /** All that is wrong with the message that was read last, if every fault is kept. */
  get faults(): readonly Refusal[] {
    return this.#faults
  }

  /** Whether the trade_id, as text, is the same as `key`. */
  isAbout(key: ByteView): boolean {
    const { start, end, escaped } = this.#tradeId
    const { buffer } = this.#scanner
    if (escaped) return Buffer.from(decodeJsonString(buffer, start, end)).compare(key.buffer, key.start, key.end) === 0
    if (end - start !== key.end - key.start) return false
    for (let a = start, b = key.start; a < end; a++, b++) if (buffer[a] !== key.buffer[b]) return false
    return true
  }

  tradeIdText(): string {
    return decodeJsonString(this.#scanner.buffer, this.#tradeId.start, this.#tradeId.end)
  }

  /** Writes the trade as outputs have it, up to the place where `expired` and the like are appended: without its closing brace. */
  writeOpen(target: ByteWriter): void {
    this.#output.write(target)
  }

  #scan(value: ByteView): boolean {
    const { buffer, start, end } = value
    const scanner = this.#scanner
    scanner.reset(buffer, start, end)
    this.#names.reset(buffer)
    this.#output.reset(buffer)
    this.#seen = 0
    this.#fault = undefined
    if (this.#faults.length > 0) this.#faults = []
    this.readableVersion = undefined
    if (buffer[start] === 0xef) this.#skipByteOrderMark()
    const wellFormed = scanner.next() === OPEN_OBJECT ? this.#object() : this.#noObject(start, end)
    if (!wellFormed) return this.#notJson(start)
    if (scanner.contentFault !== undefined) this.#badContent()
    if ((this.#seen & COUNTERPARTY_BITS) !== 0) this.#seen |= COUNTERPARTY_BITS
    if ((this.#seen & ALL_REQUIRED) !== ALL_REQUIRED) this.#missing()
    return this.#fault === undefined
  }

  /** An object and nothing behind it. False: the text is no JSON. */
  #object(): boolean {
    const scanner = this.#scanner
    scanner.position++
    let byte = scanner.next()
    if (byte === CLOSE_OBJECT) scanner.position++
    let field: Field = FIELD.unknown
    while (byte !== CLOSE_OBJECT) {
      const start = scanner.position
      const named = this.#field(field)
      if (named === undefined || !this.#member(named, start)) return false
      field = named
      byte = scanner.next()
      if (byte !== COMMA && byte !== CLOSE_OBJECT) return scanner.fail(scanner.position, 'a comma or }')
      scanner.position++
      if (byte === COMMA) scanner.next()
    }
    this.#output.drop()
    return scanner.next() === -1 || scanner.fail(scanner.position, 'the end of the text')
  }

  /**
   * A name and its colon. `previous`: the field before it. Messages of a producer have their fields in one order, so the field that came next the last time is tried first:
   * one comparison does for reading the name and finding out whose it is.
   */
  #field(previous: Field): Field | undefined {
    const scanner = this.#scanner
    const name = this.#name
    const expected = this.#successors[previous] ?? FIELD.unknown
    const beginning = BEGINNINGS[expected]
    if (beginning !== undefined && startsWith(scanner, beginning)) {
      name.start = scanner.position + 1
      scanner.position += beginning.length
      name.end = scanner.position - 2
      name.escaped = false
      return expected
    }
    if (!scanner.name()) return undefined
    const { buffer, stringStart, stringEnd, stringEscaped } = scanner
    name.start = stringStart
    name.end = stringEnd
    name.escaped = stringEscaped
    const field = stringEscaped ? fieldOf(decodeJsonString(buffer, stringStart, stringEnd)) : fieldAt(buffer, stringStart, stringEnd)
    this.#successors[previous] = field
    return field
  }

  #member(field: Field, start: number): boolean {
    if (field === FIELD.unknown) return this.#unknown(start)
    if (field < FIELD.expired) return this.#known(field, this.#scanner.next(), start)
    this.#output.drop()
    return this.#scanner.value(DEPTH)
  }

  #unknown(start: number): boolean {
    const scanner = this.#scanner
    const { start: nameStart, end: nameEnd, escaped } = this.#name
    if (!scanner.value(DEPTH)) return false
    const earlier = this.#names.add(nameStart, nameEnd, escaped, start)
    if (earlier !== undefined) (this.#replaced ??= new Set()).add(earlier)
    if (this.#replaced?.has(start)) this.#output.drop()
    else this.#output.keep(start, scanner.position)
    return true
  }

  #known(field: Field, first: number, start: number): boolean {
    const scanner = this.#scanner
    const output = this.#output
    const { end: nameEnd, escaped } = this.#name
    const valueStart = scanner.position
    const seen = this.#seen
    this.#seen |= 1 << field
    if ((seen & (1 << field)) !== 0) return this.#twice(field, valueStart)
    const isCounterparty = field === FIELD.counterpartyId || field === FIELD.counterpartyAlias
    if (isCounterparty && (seen & COUNTERPARTY_BITS) !== 0) {
      output.drop()
      return this.#otherCounterparty(field, first, valueStart)
    }
    if (!this.#value(field, first, valueStart)) return false
    if (escaped || field === FIELD.counterpartyAlias) {
      output.keep(start, start)
      output.replace(OUTPUT_NAMES[field] ?? NOTHING, nameEnd + 1)
    }
    if (this.#versionText !== undefined && field === FIELD.version) {
      output.keep(start, valueStart)
      output.replace(this.#versionText, scanner.position)
    }
    output.keep(start, scanner.position)
    return true
  }

  #value(field: Field, first: number, start: number): boolean {
    switch (field) {
      case FIELD.version:
        return this.#version(first, start)
      case FIELD.tradeId:
        return this.#identifier(field, first, start, this.#tradeId)
      case FIELD.counterpartyId:
      case FIELD.counterpartyAlias:
        return this.#identifier(field, first, start, this.#counterparty)
      case FIELD.bookId:
        return this.#identifier(field, first, start, this.#other)
      default:
        return this.#day(field, first, start)
    }
  }

  #identifier(field: Field, first: number, start: number, text: Text): boolean {
    const scanner = this.#scanner
    if (first !== QUOTE) return this.#wrongType(field, start)
    if (!scanner.string()) return false
    text.start = scanner.stringStart
    text.end = scanner.stringEnd
    text.escaped = scanner.stringEscaped
    if (scanner.stringCodePoints < 1 || scanner.stringCodePoints > ID_CODE_POINTS) this.#wrong(field, start)
    return true
  }

  #version(first: number, start: number): boolean {
    this.#versionText = undefined
    const plain = this.#plainVersion(start)
    if (plain > 0) {
      this.version = plain
      this.readableVersion = plain
      return true
    }
    const scanner = this.#scanner
    if (first !== MINUS && !(first >= ZERO && first <= NINE)) return this.#wrongType(FIELD.version, start)
    if (!scanner.number()) return false
    const version = integerAt(scanner.buffer, start, scanner.position, HIGHEST_VERSION)
    if (version === undefined || version < 1) this.#wrong(FIELD.version, start)
    else {
      this.version = version
      this.readableVersion = version
      // 1.0 and 1e0 go out as 1: whoever reads an integer there would stumble over them.
      this.#versionText = Buffer.from(String(version))
    }
    return true
  }

  /** Takes a version that is written as up to nine digits and a comma; else answers 0 and takes nothing. */
  #plainVersion(start: number): number {
    const scanner = this.#scanner
    const { buffer } = scanner
    const last = Math.min(scanner.end - 1, start + 9)
    let version = 0
    let at = start
    for (; at < last; at++) {
      const digit = (buffer[at] ?? 0) - ZERO
      if (digit < 0 || digit > 9 || (digit === 0 && version === 0)) break
      version = version * 10 + digit
    }
    if (buffer[at] !== COMMA) return 0
    scanner.position = at
    return version
  }

  #day(field: Field, first: number, start: number): boolean {
    const scanner = this.#scanner
    if (first !== QUOTE) return this.#wrongType(field, start)
    let day =
      start + DAY_BYTES <= scanner.end && scanner.buffer[start + DAY_BYTES - 1] === QUOTE ? dayAt(scanner.buffer, start + 1, start + DAY_BYTES - 1) : undefined
    if (day !== undefined) scanner.position = start + DAY_BYTES
    else {
      if (!scanner.string()) return false
      if (scanner.stringEscaped) day = dayOfText(this.#stringText())
      if (day === undefined) this.#wrong(field, start)
    }
    if (day !== undefined && field === FIELD.maturityDate) this.maturityDay = day
    return true
  }

  /** The counterparty under its other name: the same again, or the message is invalid. */
  #otherCounterparty(field: Field, first: number, start: number): boolean {
    const { start: otherStart, end: otherEnd } = this.#counterparty
    if (!this.#identifier(field, first, start, this.#other)) return false
    // With a fault already, one of the two may be no text at all.
    if (this.#fault !== undefined || decodeJsonString(this.#scanner.buffer, otherStart, otherEnd) === this.#stringText()) return true
    this.#note(refusal(FIELD_NAMES[field] ?? '', this.#stringText(), 'the same value under both names of the counterparty'))
    return true
  }

  #twice(field: Field, start: number): boolean {
    if (!this.#scanner.value(DEPTH)) return false
    const name = FIELD_NAMES[field] ?? ''
    if (field === FIELD.version) this.readableVersion = undefined
    if (this.#isNoted) this.#note(refusal(name, this.#valueText(field, start), 'the field once', `${name}: found twice, expected once`))
    return true
  }

  #wrongType(field: Field, start: number): boolean {
    if (!this.#scanner.value(DEPTH)) return false
    this.#wrong(field, start)
    return true
  }

  #wrong(field: Field, start: number): void {
    if (this.#isNoted) this.#note(refusal(FIELD_NAMES[field] ?? '', this.#valueText(field, start), EXPECTED[field] ?? ''))
  }

  #missing(): void {
    if (this.#fault?.field === VALUE) return
    for (const field of REQUIRED) {
      if ((this.#seen & (1 << field)) === 0 && this.#isNoted) this.#note(refusal(FIELD_NAMES[field] ?? '', undefined, EXPECTED[field] ?? ''))
    }
  }

  /** Passes over the value all the same: only what is JSON is called "not an object". */
  #noObject(start: number, end: number): boolean {
    const scanner = this.#scanner
    if (!scanner.value(0)) return false
    if (this.#isNoted) this.#note(refusal(VALUE, this.#excerpt(start, end), 'a JSON object', undefined))
    return scanner.next() === -1 || scanner.fail(scanner.position, 'the end of the text')
  }

  #skipByteOrderMark(): void {
    const { buffer, position, end } = this.#scanner
    if (position + 3 > end || buffer[position + 1] !== 0xbb || buffer[position + 2] !== 0xbf) return
    this.#note(refusal(VALUE, 'a byte order mark', 'UTF-8 without one'))
    this.#scanner.position = position + 3
  }

  /** Whether another fault is of interest: most messages have none, and of those that have one the processor wants the first. */
  get #isNoted(): boolean {
    return this.#everyFault || this.#fault === undefined
  }

  #note(fault: Refusal): void {
    this.#fault ??= fault
    if (this.#everyFault) this.#faults.push(fault)
  }

  #notJson(start: number): false {
    const { faultAt, faultExpected, end } = this.#scanner
    const found = faultAt >= end ? 'the end' : this.#excerpt(faultAt, faultAt + 20)
    this.readableVersion = undefined
    const fault =
      end === start
        ? refusal(VALUE, '0 bytes', 'a JSON object', 'value: found 0 bytes, expected a JSON object; a delete is a null value')
        : refusal(VALUE, found, faultExpected, `value: not JSON, found ${found} at byte ${faultAt - start}, expected ${faultExpected}`)
    this.#fault = fault
    if (this.#everyFault) this.#faults = [fault]
    return false
  }

  #badContent(): void {
    const { contentFault, contentFaultAt } = this.#scanner
    const expected = contentFault === 'too deep' ? `at most ${MAX_JSON_DEPTH} levels of nesting` : `no ${contentFault} in a string`
    if (this.#isNoted) this.#note(refusal(VALUE, this.#excerpt(contentFaultAt, contentFaultAt + 6), expected))
  }

  #stringText(): string {
    return decodeJsonString(this.#scanner.buffer, this.#scanner.stringStart, this.#scanner.stringEnd)
  }

  /** The value from `start` to the scanner's position: a string's text where a string is expected, else as the message has it, so that "1" is not taken for 1. */
  #valueText(field: Field, start: number): string {
    const { buffer, position } = this.#scanner
    return buffer[start] === QUOTE && field !== FIELD.version ? decodeJsonString(buffer, start + 1, position - 1) : this.#excerpt(start, position)
  }

  #excerpt(start: number, end: number): string {
    return this.#scanner.buffer.toString('utf8', start, Math.min(end, this.#scanner.end, start + LONGEST_EXCERPT_BYTES))
  }
}

function startsWith({ buffer, position, end }: JsonScanner, beginning: Buffer): boolean {
  const { length } = beginning
  if (position + length > end) return false
  for (let i = 0; i < length; i++) if (buffer[position + i] !== beginning[i]) return false
  return true
}
