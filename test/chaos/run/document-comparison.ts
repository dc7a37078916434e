import { Decimal128, Long } from 'mongodb'
import { type Check, Differences } from '../../../cli/self-check/check.ts'
import type { ActualRecord } from '../../model/compare.ts'
import { isArray, isObject, JsonNumber, type JsonObject, type JsonValue, readJson, writeJson } from '../../model/json.ts'

/** As the driver gives it. */
export type StoredDocument = Readonly<Record<string, unknown>> & { readonly _id: unknown }

/** What a document has to have beside its id, and nothing else. */
export type Fields = ReadonlyMap<string, JsonValue | Date>

export interface DocumentComparisonOptions {
  /** The record of each document that there must be, by the document's id. */
  readonly records: Map<string, ActualRecord>
  /** What a record's document has to be. */
  readonly fieldsOf: (record: ActualRecord) => Fields
}

/** Is told the documents of a collection, in any order: none may be missing, left over or other than its record. */
export class DocumentComparison {
  readonly #differences = new Differences()
  readonly #left: Map<string, ActualRecord>
  readonly #fieldsOf: DocumentComparisonOptions['fieldsOf']
  readonly #records: number
  #documents = 0

  constructor({ records, fieldsOf }: DocumentComparisonOptions) {
    this.#left = new Map(records)
    this.#records = records.size
    this.#fieldsOf = fieldsOf
  }

  add({ _id, ...document }: StoredDocument): void {
    this.#documents++
    const id = String(_id)
    const record = this.#left.get(id)
    this.#left.delete(id)
    if (record === undefined) return this.#differences.add(`document ${id} has no record`)
    const fields = this.#fieldsOf(record)
    for (const [name, wanted] of fields) {
      if (!isStored(wanted, document[name])) this.#differences.add(`document ${id}: ${name} is ${shown(document[name])}, expected ${shown(wanted)}`)
    }
    for (const name of Object.keys(document)) if (!fields.has(name)) this.#differences.add(`document ${id}: ${name} is ${shown(document[name])}, expected no such field`)
  }

  check(name: string, more = ''): Check {
    for (const id of this.#left.keys()) this.#differences.add(`record ${id} has no document`)
    this.#left.clear()
    return this.#differences.check(name, `${this.#documents} documents, ${this.#records} records${more}`)
  }
}

/** By a record's own JSON; throws where it is no object. */
export function objectOf({ topic, partition, offset, value }: ActualRecord): JsonObject {
  const json = value === null ? undefined : readJson(value.toString('utf8')).value
  if (!isObject(json)) throw new Error(`${topic} ${partition}@${offset} is ${value?.toString('utf8').slice(0, 200)}, expected a JSON object`)
  return json
}

/** W3C Trace Context; of a record that is part of a trace. */
export function traceOf({ headers }: ActualRecord): Fields {
  const text = headers.findLast(({ key }) => key === 'traceparent')?.value?.toString('utf8') ?? ''
  const [, traceId] = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}/.exec(text) ?? []
  return new Map(traceId === undefined || /^0+$/.test(traceId) ? [] : [['trace_id', traceId]])
}

/** Whether MongoDB holds it: what is a time in JSON and is kept as one is told here as a Date. */
function isStored(wanted: JsonValue | Date, found: unknown): boolean {
  if (wanted instanceof Date) return found instanceof Date && found.getTime() === wanted.getTime()
  if (wanted instanceof JsonNumber) return isNumberStored(wanted, found)
  if (isArray(wanted)) return Array.isArray(found) && found.length === wanted.length && wanted.every((item, at) => isStored(item, found[at]))
  if (!isObject(wanted)) return wanted === found
  if (typeof found !== 'object' || found === null || Array.isArray(found) || found instanceof Date) return false
  const members = new Map(Object.entries(found))
  return members.size === wanted.size && [...wanted].every(([name, value]) => members.has(name) && isStored(value, members.get(name)))
}

/** With all its digits; as text, digit by digit, only where no number of MongoDB has so many. */
function isNumberStored(wanted: JsonNumber, found: unknown): boolean {
  if (typeof found === 'string') return found === wanted.text && isBeyondDecimal(wanted)
  if (typeof found !== 'number' && !(found instanceof Long) && !(found instanceof Decimal128)) return false
  const text = String(found)
  // no NaN, no infinity
  return /^-?\d/.test(text) && new JsonNumber(text).exact === wanted.exact
}

/** IEEE 754 decimal128. */
const DECIMAL = { digits: 34, leastPower: -6_176, mostPower: 6_144 } as const

function isBeyondDecimal({ text, exact }: JsonNumber): boolean {
  const [mantissa = ''] = text.split(/[eE]/)
  const [, digits = '', power] = /^-?(\d+)e(-?\d+)$/.exec(exact) ?? []
  const lowest = Number(power)
  return mantissa.replace(/\D/g, '').length > DECIMAL.digits || lowest < DECIMAL.leastPower || lowest + digits.length - 1 > DECIMAL.mostPower
}

function shown(value: unknown): string {
  if (value === undefined) return 'not there'
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'no time' : value.toISOString()
  // JsonValues are made of Maps and JsonNumbers, what the driver gives of neither
  const text = value instanceof Map || value instanceof JsonNumber ? writeJson(value) : JSON.stringify(value)
  return text.length > 200 ? `${text.slice(0, 200)}...` : text
}
