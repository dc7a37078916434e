import type { TradeRulesSettings } from '../trade-rules-settings.ts'
import { REQUESTS_STORE, TRADES_STORE, tradeProcessor } from '../trade-processor.ts'
import { REQUEST_PREFIX_BYTES } from '../request-state.ts'
import { readTradeState, TRADE_PREFIX_BYTES, type TradeState } from '../trade-state.ts'
import { type Emitted, type GivenRecord, MemoryContext } from './memory-context.ts'

export const DAY_MS = 24 * 60 * 60 * 1000
/** Noon of the business date 2026-12-11. */
export const NOON = Date.UTC(2026, 11, 11, 12)

/** A JSON object of an output, for looking into. */
export type Json = { readonly [name: string]: unknown }

/** What came out of one record. */
export class Outcomes {
  readonly all: readonly Emitted[]

  constructor(all: readonly Emitted[]) {
    this.all = all
  }

  /** The one record of an output; `undefined`: none. */
  of(output: string): Emitted | undefined {
    const records = this.all.filter((record) => record.output === output)
    if (records.length > 1) throw new Error(`found ${records.length} records in ${output}, expected one at most`)
    return records[0]
  }

  json(output: string): Json | undefined {
    const value = this.of(output)?.value
    // Cast: all outputs but dead letters are JSON objects, which is what the tests are about.
    return value === undefined ? undefined : (JSON.parse(value.toString()) as Json)
  }

  get audit(): Json {
    const audit = this.json('audit')
    if (audit === undefined) throw new Error('there is no audit entry')
    return audit
  }

  get outcome(): unknown {
    return this.audit['outcome']
  }

  get outputs(): string[] {
    return this.all.map(({ output }) => output).sort()
  }
}

/** The trade rules over memory, at noon of 2026-12-11 unless told otherwise. */
export class TradeHarness {
  readonly context: MemoryContext
  #settings: Partial<TradeRulesSettings>

  constructor(settings: Partial<TradeRulesSettings> = {}) {
    this.#settings = settings
    this.context = new MemoryContext({
      nowMs: NOON,
      topic: 'trade.ingested',
      stores: { [TRADES_STORE]: TRADE_PREFIX_BYTES, [REQUESTS_STORE]: REQUEST_PREFIX_BYTES },
    })
    this.context.start(tradeProcessor(settings))
  }

  /** As after a restart, perhaps with other settings: what is not in the stores is gone. */
  restart(settings: Partial<TradeRulesSettings> = this.#settings): void {
    this.#settings = settings
    this.context.start(tradeProcessor(settings))
  }

  send(record: GivenRecord): Outcomes {
    return new Outcomes(this.context.process(record))
  }

  /** Sends a trade under its own id. */
  trade(fields: Json = {}, more: Omit<Partial<GivenRecord>, 'value'> = {}): Outcomes {
    const trade = { ...TRADE, ...fields }
    return this.send({ key: String(trade.trade_id), value: JSON.stringify(trade), ...more })
  }

  delete(key = 'T1', more: Partial<GivenRecord> = {}): Outcomes {
    return this.send({ key, value: null, ...more })
  }

  wait(ms: number): void {
    this.context.nowMs += ms
  }

  punctuate(): readonly Emitted[] {
    return this.context.punctuate()
  }

  state(key = 'T1'): TradeState | undefined {
    const value = this.context.memory(TRADES_STORE).read(key)
    return value === undefined ? undefined : readTradeState(value)
  }
}

export const TRADE = {
  trade_id: 'T1',
  version: 1,
  counterparty_id: 'CP-1',
  book_id: 'B1',
  maturity_date: '2027-05-20',
  created_date: '2026-12-11',
}

/** A message from members as they are written. */
export function text(...members: string[]): string {
  return `{${members.join(',')}}`
}

/** The members of a good message, to be changed: a member replaces the one of its name. `''` takes it away. */
export function membersWith(changes: { readonly [name: string]: string } = {}): string[] {
  const members = new Map(Object.entries(TRADE).map(([name, value]) => [name, `"${name}":${JSON.stringify(value)}`]))
  for (const [name, member] of Object.entries(changes)) members.set(name, member)
  return [...members.values()].filter((member) => member !== '')
}
