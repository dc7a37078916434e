import { isArray, JsonNumber, type JsonValue, sameJson, writeJson } from './json.ts'

/** What a JSON value is expected to be: exact, or a rule where the domain leaves it open. */
export type Expected = JsonValue | Rule | ReadonlyMap<string, Expected>
export type ExpectedObject = ReadonlyMap<string, Expected>

export interface Header {
  readonly key: string
  readonly value: Buffer | null
}

/** A record that must come out. */
export interface ExpectedRecord {
  readonly topic: string
  readonly partition: number
  readonly key: Buffer | null
  /** JSON; `null`: a tombstone, or a dead letter, whose value is `raw`. */
  readonly value: ExpectedObject | null
  /** The very bytes that a dead letter keeps, unless it would not fit with them. */
  readonly raw?: { readonly bytes: Buffer | null; readonly kept: Kept }
  readonly timestamp: Moment
  /** The input's headers, which travel with the output ... */
  readonly headers: readonly Header[]
  /** ... unless the record would not fit with them. */
  readonly headersKept: Kept
}

/** `either`: whether it fits depends on the length of texts that the domain leaves open. */
export type Kept = 'yes' | 'no' | 'either'

/**
 * A time in an output. `input`: the timestamp of the input record, to the millisecond. `processing`: the time of processing (or of the expiry run), which a test with its own
 * clock knows exactly and a test against real services only as a range.
 */
export interface Moment {
  readonly ms: number
  readonly source: 'input' | 'processing'
}

/** What a rule may look at besides the value that was found. */
export interface RuleContext {
  /** The timestamp of the record that was found: times within it must equal it. */
  readonly timestampMs: number
  /** The time of processing, where the test knows only a range; `undefined`: it is exact. */
  readonly processing: { readonly fromMs: number; readonly toMs: number } | undefined
}

export class Rule {
  readonly description: string
  /** A value that it admits, the shortest or nearly so: for the question what fits, and to play a faultless product. */
  readonly example: JsonValue
  readonly #holds: (found: JsonValue, context: RuleContext) => boolean

  constructor(description: string, example: JsonValue, holds: (found: JsonValue, context: RuleContext) => boolean) {
    this.description = description
    this.example = example
    this.#holds = holds
  }

  holds(found: JsonValue, context: RuleContext): boolean {
    return this.#holds(found, context)
  }
}

export function momentFits(moment: Moment, foundMs: number, context: RuleContext): boolean {
  if (moment.source === 'input' || context.processing === undefined) return foundMs === moment.ms
  return foundMs >= context.processing.fromMs && foundMs <= context.processing.toMs
}

/** ISO 8601, UTC, milliseconds. `own`: it is the time of this very record, so it must equal its timestamp. */
export function isoTime(moment: Moment, own = true): Rule {
  const text = isoText(moment.ms)
  return new Rule(moment.source === 'processing' ? `${text} (processing time)` : text, text, (found, context) => {
    if (typeof found !== 'string' || !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(found)) return false
    const foundMs = Date.parse(found)
    return momentFits(moment, foundMs, context) && (!own || foundMs === context.timestampMs)
  })
}

let lastIso = { ms: 0, text: '1970-01-01T00:00:00.000Z' }

/** Several outputs of a record have one time. */
function isoText(ms: number): string {
  if (ms !== lastIso.ms) lastIso = { ms, text: new Date(ms).toISOString() }
  return lastIso.text
}

/** A business date that was derived from the time of processing. */
export function businessDateRule(date: string, dateOf: ((ms: number) => string) | undefined): Expected {
  if (dateOf === undefined) return date
  return new Rule(date, date, (found, { processing }) => {
    if (typeof found !== 'string' || processing === undefined) return found === date
    return found >= dateOf(processing.fromMs) && found <= dateOf(processing.toMs)
  })
}

const LONGEST_TEXT = 200

/** A text for people: there is one, it can be stored, it is not too long, and it names these numbers. */
export function textNaming(...numbers: number[]): Rule {
  return new Rule(`a text of 1 to ${LONGEST_TEXT} code points${numbers.map((n) => ` naming ${n}`).join('')}`, numbers.join(' ') || 'x', (found) => {
    if (typeof found !== 'string' || found === '' || !isStorable(found) || [...found].length > LONGEST_TEXT) return false
    return numbers.every((n) => new RegExp(`(?<!\\d)${n}(?!\\d)`).test(found))
  })
}

export function oneOf(values: readonly JsonValue[]): Expected {
  const [only] = values
  if (values.length === 1 && only !== undefined) return only
  const shortest = values.toSorted((a, b) => writeJson(a).length - writeJson(b).length)[0] ?? null
  return new Rule(`one of ${values.map(writeJson).join(', ')}`, shortest, (found) => values.some((value) => sameJson(value, found)))
}

/** `details`: an object; the members that the domain fixes, each compared by its text (a version may be given as a number or as text). */
export function detailsWith(members: { readonly [name: string]: readonly string[] } = {}): Rule {
  const wanted = Object.entries(members)
  const description = `an object${wanted.map(([name, values]) => ` with ${name} ${values.join(' or ')}`).join(',')}`
  const example = new Map(wanted.map(([name, [first = '']]): [string, JsonValue] => [name, first]))
  return new Rule(description, example, (found) => {
    if (!(found instanceof Map)) return false
    const cut: JsonValue | undefined = found.get('found')
    if (typeof cut === 'string' && [...cut].length > LONGEST_TEXT) return false
    return wanted.every(([name, values]) => values.includes(plainText(found.get(name))))
  })
}

/** Lower and upper bound of the UTF-8 length of a value. `slackBytes`: how much longer than the shortest form it may be. */
export function lengthBounds(value: Expected, slackBytes: number): { least: number; most: number } {
  const least = Buffer.byteLength(writeJson(exampleOf(value)))
  return { least, most: least + slackBytes }
}

/** A value that is as it is expected to be. */
export function exampleOf(value: Expected): JsonValue {
  if (value instanceof Rule) return value.example
  if (!isExpectedObject(value)) return value
  return new Map([...value].map(([name, member]): [string, JsonValue] => [name, exampleOf(member)]))
}

export function jsonObject(members: { readonly [name: string]: Expected }): ExpectedObject {
  return new Map(Object.entries(members))
}

export function isExpectedObject(value: Expected | undefined): value is ExpectedObject {
  return value instanceof Map
}

export function number(n: number): JsonNumber {
  return new JsonNumber(String(n))
}

export function describe(value: Expected): string {
  if (value instanceof Rule) return `<${value.description}>`
  if (isExpectedObject(value)) return `{${[...value].map(([name, member]) => `${JSON.stringify(name)}:${describe(member)}`).join(',')}}`
  return isArray(value) ? `[${value.map(describe).join(',')}]` : writeJson(value)
}

function plainText(value: JsonValue | undefined): string {
  if (value === undefined) return 'absent'
  return value instanceof JsonNumber ? String(value.integer ?? value.text) : typeof value === 'string' ? value : writeJson(value)
}

function isStorable(text: string): boolean {
  return text.isWellFormed() && !text.includes('\u0000')
}
