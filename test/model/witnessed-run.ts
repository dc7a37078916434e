import type { ActualRecord } from './compare.ts'
import { type ModelInput, type ModelOutputs, TradeModel, type TradeModelOptions } from './trade-model.ts'

export interface WitnessedRunOptions extends Omit<TradeModelOptions, 'businessDate'> {
  /** The business dates that there were, the first one first. */
  readonly businessDates: readonly string[]
  /** When an input was processed, as far as it is known. */
  readonly processedAt: (input: ModelInput) => number
  /** When the last expiry may have been. */
  readonly toMs: number
}

export interface WitnessedRun {
  /** What must have come out, in the order of each partition. To be walked once: of an hour of records it would not fit into memory. */
  readonly expected: Iterable<ModelOutputs>
  /** What is wrong with the dates that the audit names; known when `expected` was walked. */
  readonly faults: readonly string[]
}

interface Expiry {
  readonly tradeId: string
  readonly businessDate: string
  readonly timestampMs: number
}

/** What the audit says of one partition of the input. */
interface Witness {
  /** Business date of each input, by offset. */
  readonly dates: Map<number, string>
  /** Expiries that came before an input, by its offset. */
  readonly before: Map<number, Expiry[]>
  /** Expiries behind the last input. */
  rest: Expiry[]
}

/**
 * Trades expire while records come in and the business date turns: in which order that happened, and under which date, only the audit knows. It is the witness of that and of nothing
 * else: whether a trade may expire where it did, and what all of it leads to, is for the model to say. In the end everything that is due under the last date has expired.
 */
export function witnessedRun(inputs: readonly ModelInput[], actual: readonly ActualRecord[], options: WitnessedRunOptions): WitnessedRun {
  const witnesses = readWitnesses(actual)
  const faults: string[] = []
  return { expected: expectedOutputs(), faults }

  function* expectedOutputs(): Generator<ModelOutputs> {
    for (const [partition, ofPartition] of Map.groupBy(inputs, (input) => input.partition)) {
      yield* expectedOfPartition(partition, ofPartition, witnesses.get(partition) ?? newWitness(), options, faults)
    }
  }
}

function* expectedOfPartition(partition: number, inputs: readonly ModelInput[], witness: Witness, options: WitnessedRunOptions, faults: string[]): Generator<ModelOutputs> {
  const { businessDates, processedAt, toMs } = options
  const model = new TradeModel({ ...options, businessDate: businessDates[0] ?? '' })
  const date = new DateOfPartition(model, businessDates, faults)
  for (const input of inputs.toSorted((a, b) => a.offset - b.offset)) {
    yield* expire(witness.before.get(input.offset) ?? [])
    const named = witness.dates.get(input.offset)
    if (named !== undefined) date.turnTo(named, `input ${partition}@${input.offset}`)
    yield model.apply(input, processedAt(input))
  }
  yield* expire(witness.rest)
  model.turnTo(businessDates.at(-1) ?? '')
  yield* model.expire(toMs)

  function* expire(expiries: readonly Expiry[]): Generator<ModelOutputs> {
    for (const { tradeId, businessDate, timestampMs } of expiries) {
      date.turnTo(businessDate, `the expiry of ${tradeId}`)
      const outputs = model.expireTrade(partition, tradeId, timestampMs)
      if (outputs !== undefined) yield outputs
    }
  }
}

/** The date of a partition is one that there was, and does not go back. */
class DateOfPartition {
  readonly #faults: string[]
  readonly #model: TradeModel
  readonly #dates: readonly string[]
  #latest: string

  constructor(model: TradeModel, dates: readonly string[], faults: string[]) {
    this.#faults = faults
    this.#model = model
    this.#dates = dates
    this.#latest = dates[0] ?? ''
  }

  turnTo(date: string, what: string): void {
    if (!this.#dates.includes(date)) this.#faults.push(`${what} has the business date ${date}, there were only ${this.#dates.join(', ')}`)
    else if (date < this.#latest) this.#faults.push(`${what} has the business date ${date}, earlier than that of what was before it in its partition, ${this.#latest}`)
    else {
      this.#latest = date
      this.#model.turnTo(date)
    }
  }
}

/** An audit partition has what the same partition of the input led to, in its order, and the expiries in between. */
function readWitnesses(actual: readonly ActualRecord[]): Map<number, Witness> {
  const witnesses = new Map<number, Witness>()
  const of = (partition: number): Witness => {
    const witness = witnesses.get(partition) ?? newWitness()
    witnesses.set(partition, witness)
    return witness
  }
  const audits = actual.filter(({ topic }) => topic === 'trade.audit').toSorted((a, b) => a.partition - b.partition || a.offset - b.offset)
  for (const { partition, key, value, timestamp } of audits) {
    const { businessDate, source } = entryOf(value)
    if (source === undefined) {
      of(partition).rest.push({ tradeId: key?.toString() ?? '', businessDate, timestampMs: timestamp })
      continue
    }
    of(source.partition).dates.set(source.offset, businessDate)
    const witness = of(partition)
    // a record in the wrong partition changes no trade of this one
    if (source.partition !== partition || witness.rest.length === 0) continue
    witness.before.set(source.offset, [...(witness.before.get(source.offset) ?? []), ...witness.rest])
    witness.rest = []
  }
  return witnesses
}

function newWitness(): Witness {
  return { dates: new Map(), before: new Map(), rest: [] }
}

const WRITTEN = /"source":(?:null|\{"topic":"[^"]*","partition":(\d+),"offset":(\d+)\})/
const DATE = /"business_date":"(\d{4}-\d\d-\d\d)"/

function entryOf(value: Buffer | null): { businessDate: string; source: { partition: number; offset: number } | undefined } {
  const text = value?.toString() ?? ''
  // as it is mostly written; reading all of it takes long
  const source = WRITTEN.exec(text)
  const date = DATE.exec(text)
  if (source !== null && date !== null) return { businessDate: date[1] ?? '', source: source[1] === undefined ? undefined : { partition: Number(source[1]), offset: Number(source[2]) } }
  // written by our own processor
  const entry = JSON.parse(text) as { business_date: string; source: { partition: number; offset: number } | null }
  return { businessDate: entry.business_date, source: entry.source ?? undefined }
}
