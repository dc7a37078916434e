import { simulate, type SimulationFailure } from 'tradewind/testing'
import { StreamsBuilder } from '../../engine/dsl/streams-builder.ts'
import { keyValueStore } from '../../engine/key-value-store.ts'
import { type Processor, type ProcessorContext, StreamRecord } from '../../engine/processor.ts'
import type { Topology } from '../../engine/topology.ts'
import { json } from '../../serdes/json.ts'
import { string } from '../../serdes/string.ts'

// A rehearsal: the topology runs on a simulated cluster, its processes are killed, connections break, all of it drawn from a seed. Does each total still hold every deposit once?
const DEPOSITS = { key: string, value: json<number>() }

/** Adds up deposits by account, in a store. */
export const totals = (): Topology => totalsIn((context) => keyValueStore<string, number>(context, 'totals', DEPOSITS))

/** The same with a mistake that no test without a crash would find: what a process only remembers is gone when it ends. */
export const forgetfulTotals = (): Topology =>
  totalsIn(() => {
    const remembered = new Map<string, number>()
    return { get: (account) => remembered.get(account), put: (account, total) => void remembered.set(account, total) }
  })

interface Totals {
  get(account: string): number | undefined
  put(account: string, total: number, timestamp: number): void
}

function totalsIn(open: (context: ProcessorContext) => Totals): Topology {
  const builder = new StreamsBuilder().store({ name: 'totals' })
  const addUp = (context: ProcessorContext): Processor<string, number> => {
    const known = open(context)
    const out = context.output<string, number>('out')
    const next = new StreamRecord<string, number>()
    return {
      process({ key, value, timestamp }) {
        if (key === undefined || value === undefined) return
        const total = (known.get(key) ?? 0) + value
        known.put(key, total, timestamp)
        next.key = key
        next.value = total
        next.timestamp = timestamp
        out(next)
      },
    }
  }
  builder.stream('deposits', DEPOSITS).process<{ out: [string, number] }>('add-up', addUp, { stores: ['totals'] }).output('out').to('totals', DEPOSITS)
  return builder.build()
}

/** `undefined`: no seed found anything. */
export function rehearse(topology: () => Topology): Promise<SimulationFailure | undefined> {
  return simulate({
    topology,
    topics: { deposits: 2, totals: 2 },
    records: 300,
    seeds: 10,
    input: (random) => () => ({ topic: 'deposits', key: Buffer.from(`account-${random.integer(1, 20)}`), value: Buffer.from(String(random.integer(1, 100))) }),
    check: ({ inputs, outputs }) => {
      const due = new Map<string, number>()
      for (const { key, value } of inputs) due.set(String(key), (due.get(String(key)) ?? 0) + Number(value))
      const found = new Map(outputs.map(({ key, value }) => [String(key), Number(value)]))
      return [...due].filter(([account, total]) => found.get(account) !== total).map(([account, total]) => `${account} holds ${found.get(account)}, and ${total} were paid in`)
    },
  })
}
