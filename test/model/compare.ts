import { describe, type Expected, type ExpectedRecord, type Header, isExpectedObject, momentFits, Rule, type RuleContext } from './expected.ts'
import { isObject, type JsonValue, readJson, sameJson, writeJson } from './json.ts'
import { ERROR_HEADERS } from './output-records.ts'
import type { ModelOutputs } from './trade-model.ts'

/** A record that was read (read_committed) from an output topic. */
export interface ActualRecord {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly timestamp: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly Header[]
}

export interface Difference {
  readonly topic: string
  /** The input record that it is about, for people. */
  readonly input: string
  readonly expected: string
  readonly found: string
}

export interface CompareOptions {
  /** When the records were processed. Default: the model was told the exact time. */
  readonly processing?: { readonly fromMs: number; readonly toMs: number }
  /** How many differences are reported. Default 20. */
  readonly limit?: number
}

/**
 * Compares all that came out with all that must come out. Records of one topic are paired by what they are about (audit and dead letters: the source
 * position; the others: the key), and in order within it; nothing may be missing and nothing may be left over.
 */
export function compare(actual: Iterable<ActualRecord>, expected: Iterable<ModelOutputs>, { processing, limit = 20 }: CompareOptions = {}): Difference[] {
  const differences: Difference[] = []
  const found = new Map<string, ActualRecord[]>()
  for (const record of actual) push(found, identityOf(record), record)
  for (const records of found.values()) records.sort((a, b) => a.partition - b.partition || a.offset - b.offset)
  const lastAuditOffset = new Map<string, number>()
  const reasons = new Map<string, string>()

  for (const outputs of expected) {
    for (const record of [outputs.audit, outputs.processed, outputs.expired, outputs.repaired, outputs.deadLetter]) {
      if (record === undefined) continue
      const about: Report = (difference) => void differences.push({ topic: record.topic, input: describeInput(outputs), ...difference })
      const identity = expectedIdentity(record, outputs)
      const match = found.get(identity)?.shift()
      if (match === undefined) {
        about({ expected: `${outputs.outcome}: ${describeRecord(record)}`, found: 'no such record' })
      } else {
        recordDifferences(record, match, processing, about)
        for (const difference of crossDifferences(outputs, record, match, lastAuditOffset, reasons)) about(difference)
      }
      if (differences.length >= limit) return differences.slice(0, limit)
    }
  }
  for (const records of found.values()) {
    for (const record of records) differences.push({ topic: record.topic, input: 'none', expected: 'no such record', found: describeActual(record) })
  }
  return differences.slice(0, limit)
}

export function report(differences: readonly Difference[]): string {
  return differences.map(({ topic, input, expected, found }) => `${topic}, input ${input}\n  expected ${expected}\n  found    ${found}`).join('\n')
}

type Mismatch = Pick<Difference, 'expected' | 'found'>
type Report = (mismatch: Mismatch) => void

function recordDifferences(expected: ExpectedRecord, found: ActualRecord, processing: RuleContext['processing'], differs: Report): void {
  const context: RuleContext = { timestampMs: found.timestamp, processing }
  if (!sameBytes(expected.key, found.key)) differs({ expected: `key ${printable(expected.key)}`, found: `key ${printable(found.key)}` })
  if (expected.partition !== found.partition) differs({ expected: `partition ${expected.partition}`, found: `partition ${found.partition}` })
  if (!momentFits(expected.timestamp, found.timestamp, context)) {
    differs({ expected: `timestamp ${expected.timestamp.ms} (${expected.timestamp.source})`, found: `timestamp ${found.timestamp}` })
  }
  if (expected.value === null) rawDifferences(expected, found, differs)
  else jsonDifferences(expected.value, found.value, context, differs)
  headerDifferences(expected, found, differs)
}

/** A tombstone, or a dead letter's raw value. */
function rawDifferences({ raw }: ExpectedRecord, found: ActualRecord, differs: Report): void {
  const { bytes, kept } = raw ?? { bytes: null, kept: 'yes' }
  const dropped = found.value === null && bytes !== null
  if (dropped ? kept === 'yes' : kept === 'no' || !sameBytes(bytes, found.value)) {
    differs({ expected: kept === 'no' ? 'no value: it does not fit' : `value ${printable(bytes)}`, found: `value ${printable(found.value)}` })
  }
}

function jsonDifferences(expected: Expected, found: Buffer | null, context: RuleContext, differs: Report): void {
  if (found === null) return differs({ expected: describe(expected), found: 'a null value' })
  const reading = readJson(found.toString('utf8'))
  if (reading.value === undefined) return differs({ expected: 'JSON', found: `${printable(found)}: ${reading.syntaxError}` })
  for (const [name, values] of reading.members) if (values.length > 1) differs({ expected: `${name} once`, found: `${name} ${values.length} times` })
  valueDifferences('', expected, reading.value, context, differs)
}

function valueDifferences(path: string, expected: Expected, found: JsonValue, context: RuleContext, differs: Report): void {
  if (expected instanceof Rule) {
    if (!expected.holds(found, context)) differs({ expected: `${path}: ${expected.description}`, found: `${path}: ${writeJson(found)}` })
  } else if (isExpectedObject(expected) && isObject(found)) {
    for (const [name, wanted] of expected) {
      const member = found.get(name)
      if (member === undefined) differs({ expected: `${inside(path, name)}: ${describe(wanted)}`, found: `${inside(path, name)}: absent` })
      else if (wanted !== member) valueDifferences(inside(path, name), wanted, member, context, differs)
    }
    for (const [name, member] of found) {
      if (!expected.has(name)) differs({ expected: `${inside(path, name)}: absent`, found: `${inside(path, name)}: ${writeJson(member)}` })
    }
  } else if (isExpectedObject(expected) || !sameJson(expected, found)) {
    differs({ expected: `${path}: ${describe(expected)}`, found: `${path}: ${writeJson(found)}` })
  }
}

function inside(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`
}

function headerDifferences(expected: ExpectedRecord, found: ActualRecord, differs: Report): void {
  const isDeadLetter = expected.topic === 'trade.dead-letter'
  const travelled = expected.headers.every((header, i) => sameHeader(header, found.headers[i]))
  const added = found.headers.slice(travelled ? expected.headers.length : 0).filter((header) => !isDeadLetter || !ERROR_HEADERS.includes(header.key))
  const dropped = !travelled && added.length > 0 && expected.headers.every((header) => !found.headers.some((other) => sameHeader(header, other)))
  const valueDropped = found.value === null && expected.raw !== undefined && expected.raw.bytes !== null
  if (expected.headersKept === 'yes' ? !travelled : expected.headersKept === 'no' ? !dropped : !travelled && !dropped) {
    differs({ expected: expected.headersKept === 'no' ? 'no headers of the input, and a header that says so' : describeHeaders(expected.headers), found: describeHeaders(found.headers) })
  } else if (travelled && added.length > 0 !== valueDropped) {
    differs({ expected: valueDropped ? 'a header that says that the value was left out' : 'no further headers', found: describeHeaders(added) })
  }
  if (isDeadLetter) errorHeaderDifferences(found, differs)
}

function errorHeaderDifferences({ headers }: ActualRecord, differs: Report): void {
  const own = headers.filter((header) => ERROR_HEADERS.includes(header.key)).slice(-ERROR_HEADERS.length)
  const names = own.map((header) => header.key)
  if (names.join() !== ERROR_HEADERS.join()) differs({ expected: `headers ${ERROR_HEADERS.join(', ')}`, found: names.join(', ') })
  for (const { key, value } of own) if (value === null) differs({ expected: `${key}: a text`, found: `${key}: null` })
}

/** What holds between records: audit entries of a key are in input order, a repair carries the very reason that the refusal gave. */
function* crossDifferences(outputs: ModelOutputs, record: ExpectedRecord, match: ActualRecord, lastOffset: Map<string, number>, reasons: Map<string, string>): Generator<Mismatch> {
  if (record.topic === 'trade.audit' && outputs.input !== undefined) {
    const lane = `${outputs.input.partition} ${match.partition} ${match.key?.toString('latin1')}`
    const last = lastOffset.get(lane) ?? -1
    if (match.offset <= last) yield { expected: `an audit offset above ${last}, in input order`, found: `offset ${match.offset}` }
    lastOffset.set(lane, match.offset)
    if (outputs.outcome === 'INVALID' || outputs.outcome === 'PAST_MATURITY') reasons.set(positionOf(outputs.input), writeJson(memberOf(valueOf(match), 'reason')))
  }
  if (record.topic === 'trade.repaired') {
    const repaired = memberOf(valueOf(match), 'repaired')
    const source = memberOf(repaired, 'source')
    const refusal = reasons.get(`${writeJson(memberOf(source, 'partition'))}@${writeJson(memberOf(source, 'offset'))}`)
    const reason = writeJson(memberOf(repaired, 'reason'))
    if (refusal !== reason) yield { expected: `repaired.reason ${refusal ?? 'of a refusal'}`, found: reason }
  }
}

function identityOf(record: ActualRecord): string {
  if (record.topic === 'trade.dead-letter') {
    const text = (name: string): string => record.headers.findLast((header) => header.key === name)?.value?.toString() ?? 'absent'
    return `${record.topic} ${text('__streams.errors.topic')} ${text('__streams.errors.partition')}@${text('__streams.errors.offset')}`
  }
  if (record.topic === 'trade.audit') {
    // as it is mostly written; reading all of it takes long, and what it says is compared later on
    const written = /"source":\{"topic":"[^"]*","partition":(\d+),"offset":(\d+)\}/.exec(record.value?.toString('latin1') ?? '')
    if (written !== null) return `${record.topic} ${written[1]}@${written[2]}`
    const source = memberOf(valueOf(record), 'source')
    if (isObject(source)) return `${record.topic} ${writeJson(memberOf(source, 'partition'))}@${writeJson(memberOf(source, 'offset'))}`
  }
  return `${record.topic} ${record.key?.toString('hex')}`
}

function expectedIdentity(record: ExpectedRecord, { audit, input }: ModelOutputs): string {
  if (record.topic === 'trade.dead-letter' && input !== undefined) {
    const source = audit.value?.get('source')
    return `${record.topic} ${isExpectedObject(source) ? describe(source.get('topic') ?? null).slice(1, -1) : ''} ${positionOf(input)}`
  }
  return record.topic === 'trade.audit' && input !== undefined ? `${record.topic} ${positionOf(input)}` : `${record.topic} ${record.key?.toString('hex')}`
}

function valueOf({ value }: ActualRecord): JsonValue | undefined {
  return value === null ? undefined : readJson(value.toString('utf8')).value
}

function memberOf(value: JsonValue | undefined, name: string): JsonValue {
  return isObject(value) ? (value.get(name) ?? null) : null
}

/** `traceparent` keeps the trace id; its span is the product's own. */
function sameHeader(a: Header, b: Header | undefined): boolean {
  if (b === undefined || a.key !== b.key) return false
  if (sameBytes(a.value, b.value)) return true
  const trace = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/
  const id = trace.exec(a.value?.toString() ?? '')?.[1]
  return a.key === 'traceparent' && id !== undefined && id === trace.exec(b.value?.toString() ?? '')?.[1]
}

function sameBytes(a: Buffer | null, b: Buffer | null): boolean {
  return a === null || b === null ? a === b : a.equals(b)
}

function positionOf(input: { readonly partition: number; readonly offset: number }): string {
  return `${input.partition}@${input.offset}`
}

function describeInput({ input, outcome }: ModelOutputs): string {
  if (input === undefined) return `none (${outcome})`
  return `${positionOf(input)} (${outcome}), key ${printable(input.key)}, value ${printable(input.value)}, headers ${describeHeaders(input.headers)}`
}

function describeRecord({ key, value, raw }: ExpectedRecord): string {
  return `key ${printable(key)}, value ${value === null ? printable(raw?.bytes ?? null) : describe(value)}`
}

function describeActual(record: ActualRecord): string {
  return `${record.partition}@${record.offset}: key ${printable(record.key)}, value ${printable(record.value)}, headers ${describeHeaders(record.headers)}`
}

function describeHeaders(headers: readonly Header[]): string {
  return `[${headers.map(({ key, value }) => `${key}: ${printable(value, 80)}`).join(', ')}]`
}

function printable(bytes: Buffer | null, limit = 400): string {
  if (bytes === null) return 'null'
  const text = JSON.stringify(bytes.toString('utf8'))
  return text.length > limit ? `${text.slice(0, limit)}... (${bytes.length} bytes)` : text
}

function push<T>(lists: Map<string, T[]>, name: string, item: T): void {
  const list = lists.get(name)
  if (list === undefined) lists.set(name, [item])
  else list.push(item)
}
