import { StreamsBuilder } from '../../../engine/dsl/streams-builder.ts'
import { keyValueStore } from '../../../engine/key-value-store.ts'
import { type Processor, type ProcessorContext, StreamRecord } from '../../../engine/processor.ts'
import type { Topology } from '../../../engine/topology.ts'
import type { SeededRandom } from '../../../engine/simulation/seeded-random.ts'
import type { InputRecord, RunResult, SimulatedApplication } from '../../../engine/simulation/simulated-application.ts'
import { string } from '../../../serdes/string.ts'

const TEXT = { key: string, value: string }
const LIMIT_BYTES = 100_000
const TICK_MS = 700

/** What a value does to the processing of its record. */
const POISON = 'poison'
const OVERSIZED = 'oversized'
const DELETE = 'delete'

/**
 * Counts records by key: one that is lost or doubled shows in a count. Some values cannot be processed, some make an output that the broker refuses, some delete the count. With ticks, each task
 * also counts how often its clock has struck, without any input.
 */
export function counter(random: SeededRandom): SimulatedApplication {
  const partitions = random.integer(1, 4)
  const keys = Math.floor(random.logarithmic(1, 300))
  const poison = random.pick([0, 0.002, 0.01, 0.05])
  const oversized = random.pick([0, 0, 0, 0.002])
  const deletes = random.pick([0, 0.1, 0.4])
  const ticks = random.chance(0.4)
  return {
    name: `counter of ${keys} keys in ${partitions} partitions, poison ${poison}, oversized ${oversized}, deletes ${deletes}${ticks ? ', ticks' : ''}`,
    applicationId: 'app',
    topology: () => countingTopology(ticks),
    topics: ['in', 'out', 'dead'].map((name) => ({ name, partitions, configs: new Map([['max.message.bytes', String(LIMIT_BYTES)]]) })),
    workload: (chance) => {
      let number = 0
      const draw = (): string => {
        const drawn = chance.next()
        if (drawn < poison) return POISON
        if (drawn < poison + oversized) return OVERSIZED
        return drawn < poison + oversized + deletes ? DELETE : `n${number++}`
      }
      return (): InputRecord => ({ topic: 'in', key: Buffer.from(`k${Math.floor(chance.next() ** 2 * keys)}`), value: Buffer.from(draw()) })
    },
    check: checkCounts,
  }
}

function countingTopology(ticks: boolean): Topology {
  const builder = new StreamsBuilder().store({ name: 'counts' }).deadLettersTo('dead')
  builder
    .stream('in', TEXT)
    .process<{ out: [string, string] }>('count', (context) => counting(context, ticks), { stores: ['counts'] })
    .output('out')
    .to('out', TEXT)
  return builder.build()
}

function counting(context: ProcessorContext, ticks: boolean): Processor<string, string> {
  const counts = keyValueStore(context, 'counts', TEXT)
  const out = context.output<string, string>('out')
  const next = new StreamRecord<string, string>()
  const write = (key: string, value: string, timestamp: number): void => {
    next.key = key
    next.value = value
    next.timestamp = timestamp
    out(next)
  }
  const count = (key: string, timestamp: number, padding = ''): void => {
    const counted = String(Number(counts.get(key) ?? '0') + 1)
    counts.put(key, counted, timestamp)
    write(key, counted + padding, timestamp)
  }
  if (ticks) context.schedule(TICK_MS, (nowMs) => count(`tick-${context.partition}`, nowMs))
  return {
    process({ key = '', value, timestamp }) {
      if (value === POISON) throw new Error('it cannot be processed')
      if (value === DELETE) {
        counts.delete(key, timestamp)
        return write(key, '0', timestamp)
      }
      count(key, timestamp, value === OVERSIZED ? ' '.repeat(LIMIT_BYTES) : '')
    },
  }
}

/** A sequential model: each input in order, once; ticks without a gap. */
function checkCounts({ inputs, outputs }: RunResult): string[] {
  const counts = new Map<string, number>()
  const expected = new Map<string, number[]>()
  let refused = 0
  for (const { key: keyBytes, value } of inputs) {
    const key = String(keyBytes)
    const text = String(value)
    if (text === POISON || text === OVERSIZED) {
      refused++
      continue
    }
    counts.set(key, text === DELETE ? 0 : (counts.get(key) ?? 0) + 1)
    push(expected, key, counts.get(key) ?? 0)
  }
  const found = new Map<string, number[]>()
  for (const { topic, key, value } of outputs) if (topic === 'out') push(found, String(key), Number(value))
  for (const [key, ticks] of found) if (key.startsWith('tick-')) expected.set(key, ticks.map((_, i) => i + 1))
  const violations = [...new Set([...expected.keys(), ...found.keys()])].flatMap((key) => differences(key, expected.get(key) ?? [], found.get(key) ?? []))
  const dead = outputs.filter(({ topic }) => topic === 'dead').length
  return dead === refused ? violations : [...violations, `${dead} dead letters of ${refused} records that cannot be processed`]
}

function differences(key: string, wanted: readonly number[], got: readonly number[]): string[] {
  const at = Array.from({ length: Math.max(wanted.length, got.length) }, (_, i) => i).find((i) => wanted[i] !== got[i])
  if (at === undefined) return []
  const part = (all: readonly number[]): string => all.slice(Math.max(0, at - 2), at + 5).join(' ')
  return [`key ${key}: ${got.length} outputs of ${wanted.length}; from number ${at} on they are wrong: ${part(got)} instead of ${part(wanted)}`]
}

function push<T>(map: Map<string, T[]>, key: string, value: T): void {
  const list = map.get(key)
  if (list === undefined) map.set(key, [value])
  else list.push(value)
}
