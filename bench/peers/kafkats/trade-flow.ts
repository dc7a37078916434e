import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { TRADE_TOPICS } from '../../../topology/trade-topics.ts'

/** `trade-flow.ts BROKERS GROUP STATE MODULES`: the trade rules as an aggregation of @kafkats/flow, which lies in MODULES: it is no dependency of ours. */
const [brokers = '', group = '', stateDir = '', modules = ''] = process.argv.slice(2)

type Outcome = 'CREATED' | 'UPDATED' | 'REPLACED' | 'STALE_VERSION' | 'DUPLICATE' | 'PAST_MATURITY' | 'INVALID'

interface Trade {
  readonly trade_id: string
  readonly version: number
  readonly counterparty_id: string
  readonly book_id: string
  readonly maturity_date: string
  readonly created_date: string
  readonly expired?: boolean
  readonly last_updated?: string
}

/** State of a trade, and what became of its last input. */
interface Judged {
  readonly trade?: Trade
  readonly outcome?: Outcome
  readonly version?: number | undefined
  readonly input?: string
}

/** What of its types is used here. */
interface Stream<Value> {
  mapValues<Next>(map: (value: Value) => Next): Stream<Next>
  filter(isWanted: (key: string, value: Value) => boolean): Stream<Value>
  groupByKey(options: object): { aggregate<State>(initial: () => State, add: (key: string, value: Value, state: State) => State, options: object): { toStream(): Stream<State> } }
  to(topic: string, options: object): void
}

interface Flow {
  flow(config: object): { stream(topic: string, options: object): Stream<string>; start(): Promise<void>; close(): Promise<void> }
  string(): object
  json(): object
}

const require = createRequire(join(modules, 'package.json'))
// The versions are fixed; their types are not installed with ours.
const { flow, string, json } = (await import(pathToFileURL(require.resolve('@kafkats/flow')).href)) as Flow
const { lmdb } = (await import(pathToFileURL(require.resolve('@kafkats/flow-state-lmdb')).href)) as { lmdb(options: object): object }

const app = flow({
  applicationId: group,
  client: { clientId: group, brokers: brokers.split(',') },
  processingGuarantee: 'exactly_once',
  stateStoreProvider: lmdb({ stateDir }),
})
const [key, text, object] = [string(), string(), json()]
const judged = app
  .stream(TRADE_TOPICS.ingested, { key, value: text, offsetReset: 'earliest' })
  .groupByKey({ key, value: text })
  .aggregate<Judged>(() => ({}), (_, input, state) => judge(input, state), { storeName: 'trades', key, value: object })
  .toStream()
judged.mapValues(({ outcome, version, trade }) => ({ trade_id: trade?.trade_id, version, outcome, at: new Date().toISOString() })).to(TRADE_TOPICS.audit, { key, value: object })
judged
  .filter((_, { outcome }) => outcome === 'CREATED' || outcome === 'UPDATED' || outcome === 'REPLACED')
  .mapValues(({ trade }) => trade)
  .to(TRADE_TOPICS.processed, { key, value: object })
judged
  .filter((_, { outcome }) => outcome === 'INVALID')
  .mapValues(({ input }) => input)
  .to(TRADE_TOPICS.deadLetter, { key, value: object })

process.once('SIGTERM', () => void app.close().then(() => process.exit(0)))
await app.start()
console.log('RUNNING')

function judge(input: string, { trade: stored }: Judged): Judged {
  const at = new Date().toISOString()
  const trade = parse(input)
  const kept = stored === undefined ? {} : { trade: stored }
  if (trade === undefined) return { ...kept, outcome: 'INVALID', input }
  const { version } = trade
  if (stored !== undefined && version < stored.version) return { ...kept, outcome: 'STALE_VERSION', version }
  if (stored !== undefined && version === stored.version && isSame(trade, stored)) return { ...kept, outcome: 'DUPLICATE', version }
  if (trade.maturity_date < at.slice(0, 10)) return { ...kept, outcome: 'PAST_MATURITY', version }
  const outcome = stored === undefined ? 'CREATED' : version === stored.version ? 'REPLACED' : 'UPDATED'
  return { trade: { ...trade, expired: false, last_updated: at }, outcome, version }
}

function isSame(a: Trade, b: Trade): boolean {
  return a.counterparty_id === b.counterparty_id && a.book_id === b.book_id && a.maturity_date === b.maturity_date && a.created_date === b.created_date
}

/** The checks of the rules that the workload can fail: readable, and whole. */
function parse(text: string): Trade | undefined {
  try {
    const trade = JSON.parse(text) as Partial<Trade>
    const isWhole = trade.trade_id && trade.counterparty_id && trade.book_id && trade.maturity_date && trade.created_date && Number.isInteger(trade.version)
    // all members are there: just checked
    return isWhole ? (trade as Trade) : undefined
  } catch {
    // cut off
    return undefined
  }
}
