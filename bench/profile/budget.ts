import { type Call, visitCalls } from './cpu-profile.ts'

/** What the time of a stream thread went into, in the order of the data path. */
export const PARTS = ['fetch', 'decode', 'parse', 'look-up', 'rules', 'encode', 'CRC', 'commit', 'store', 'thread', 'garbage collection', 'runtime', 'idle'] as const
export type Part = (typeof PARTS)[number]

/** Inside of V8. */
const OWN: Readonly<Record<string, Part>> = { '(idle)': 'idle', '(garbage collector)': 'garbage collection' }
/** The innermost function that one of these knows decides; first match. */
const FILES: readonly (readonly [RegExp, Part])[] = [
  [/^records\/crc32c/, 'CRC'],
  [/^(records\/(batch-cursor|committed-cursor|aborted|byte-reader)|engine\/record-queue)/, 'decode'],
  [/^(serdes\/json-scanner|serdes\/calendar-day|processors\/trade-(message|fields|shape|key)|processors\/unknown-names)/, 'parse'],
  [/^(stores\/overlay|engine\/changelog-store)/, 'look-up'],
  [/^(records\/(byte-writer|batch-builder|headers)|serdes\/json-text|processors\/(audit-entry|trade-outputs|trade-text|instant-text)|engine\/record-collector)/, 'encode'],
  [/^processors\//, 'rules'],
  [/^kafka\/(fetch|link|frame|leaders)|^kafka\/protocol\/(fetch|frame)/, 'fetch'],
  [/^(kafka\/|engine\/(commit|thread-commits|transaction|thread-producers))/, 'commit'],
  [/^engine\//, 'thread'],
]

/** Microseconds by part, idle time too. */
export function budgetOf(tree: Call): Map<Part, number> {
  const budget = new Map<Part, number>(PARTS.map((part) => [part, 0]))
  visitCalls(tree, (call) => {
    if (call.selfUs > 0) budget.set(partOf(call), (budget.get(partOf(call)) ?? 0) + call.selfUs)
  })
  return budget
}

function partOf(call: Call): Part {
  const own = OWN[call.name]
  if (own !== undefined) return own
  for (let at: Call | undefined = call; at !== undefined; at = at.parent) {
    const { file } = at
    // A look-up while a record is processed; otherwise what was committed is put into the index.
    if (file.startsWith('stores/log-store/') || file === 'stores/node-disk.ts') return isProcessing(at) ? 'look-up' : 'store'
    const found = FILES.find(([pattern]) => pattern.test(file))
    if (found !== undefined) return found[1]
  }
  return 'runtime'
}

function isProcessing(call: Call): boolean {
  for (let at: Call | undefined = call; at !== undefined; at = at.parent) if (at.file === 'engine/node-chain.ts' || at.file.startsWith('processors/')) return true
  return false
}

/** As Markdown. `records`: what the thread worked off, if that is known: the times are then nanoseconds a record, and without idle time. */
export function budgetTable(budget: ReadonlyMap<Part, number>, records: number | undefined): string {
  const shown = PARTS.filter((part) => (records === undefined || part !== 'idle') && (budget.get(part) ?? 0) > 0)
  const total = shown.reduce((sum, part) => sum + (budget.get(part) ?? 0), 0)
  const time = (us: number) => (records === undefined ? `${(us / 1000).toFixed(0)}` : `${((us * 1000) / records).toFixed(0)}`)
  const row = (name: string, us: number) => `| ${name} | ${time(us)} | ${((100 * us) / total).toFixed(1)} % |`
  return [`| part | ${records === undefined ? 'ms' : 'ns a record'} | share |`, '|---|---:|---:|', ...shown.map((part) => row(part, budget.get(part) ?? 0)), row('sum', total), ''].join('\n')
}
