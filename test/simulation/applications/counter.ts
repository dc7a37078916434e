import { StreamsBuilder } from '../../../engine/dsl/streams-builder.ts'
import { keyValueStore } from '../../../engine/key-value-store.ts'
import { type Processor, type ProcessorContext, StreamRecord } from '../../../engine/processor.ts'
import type { Topology } from '../../../engine/topology.ts'
import type { SeededRandom } from '../../../engine/simulation/seeded-random.ts'
import type { InputRecord, RunResult, SimulatedApplication } from '../../../engine/simulation/simulated-application.ts'
import { string } from '../../../serdes/string.ts'
import { sinkOf } from './sink-of-outputs.ts'

const TEXT = { key: string, value: string }
const LIMIT_BYTES = 100_000
/** What a flood puts into one transaction is more than a batch holds. */
const FLOOD = { records: 10, recordBytes: 97_000 }
const TICK_MS = 700
const BEAT_MS = 1_110

const SIDE_TOPIC = 'side'
/** So much of what is written goes there, with so many keys. */
const SIDE_SHARE = 0.2
const SIDE_KEYS = 20

/** Of keys that lie still there are so many in each partition at least: they fill a segment or two of their own. */
const STILL_KEYS = 60

/** What a value does to the processing of its record. */
const POISON = 'poison'
const OVERSIZED = 'oversized'
const DELETE = 'delete'
const MANY = 'many'

/** What the seed draws of the application. */
export interface CounterShape {
  /** It has no store and hands on what comes in: where there is no changelog, nothing else holds up two who do the same. */
  readonly stateless: boolean
  readonly partitions: number
  readonly keys: number
  /** Shares of the input. */
  readonly poison: number
  readonly oversized: number
  readonly deletes: number
  readonly ticks: boolean
  /** Keys that are written all the time; `undefined`: a skew over all of them. */
  readonly hotKeys: number | undefined
  /** Inputs that make more outputs than a batch holds. */
  readonly floods: number
  /** Keys beside the hot ones are written once, and later only deleted: what hides an old record is then all that is left of its key. */
  readonly stillKeys: boolean
  /** Whether a sink copies the outputs into a database. */
  readonly sink: boolean
  /** Whether it copies a topic, too, that the application does not know. */
  readonly sideTopic: boolean
}

/**
 * Counts records by key: one that is lost or doubled shows in a count. Some values cannot be processed, some make an output that the broker refuses, or more outputs than a batch holds, some
 * delete the count. With ticks, each task also counts how often its clock has struck, without any input; a beat writes this count as an output and nothing else.
 *
 * Keys are drawn with a skew; or each of them is written once, and then all but a few lie still, so that old records of the stores live on between those of a few keys that are written all the time.
 */
export function counter(random: SeededRandom, wanted: Partial<CounterShape> = {}): SimulatedApplication {
  const isStateless = wanted.stateless ?? random.chance(0.15)
  const shape: CounterShape = {
    stateless: isStateless,
    partitions: random.integer(1, 4),
    keys: Math.floor(random.logarithmic(1, 300)),
    poison: random.pick([0, 0.002, 0.01, 0.05]),
    oversized: random.pick([0, 0, 0, 0.002]),
    deletes: random.pick([0, 0.2, 0.4]),
    ticks: !isStateless && random.chance(0.4),
    hotKeys: random.chance(0.5) ? random.integer(1, 3) : undefined,
    floods: random.chance(0.1) ? 2 : 0,
    sink: random.chance(0.5),
    stillKeys: random.chance(0.8),
    sideTopic: random.chance(0.5),
    ...wanted,
  }
  const { stateless, partitions, poison, oversized, deletes, ticks, hotKeys, floods, sink } = shape
  const stillKeys = shape.stillKeys && hotKeys !== undefined
  const keys = stillKeys ? Math.max(shape.keys, STILL_KEYS * partitions) : shape.keys
  const sideTopic = shape.sideTopic && sink
  const limitBytes = floods > 0 ? 1_048_588 : LIMIT_BYTES
  return {
    name: `${stateless ? 'copier' : 'counter'} of ${keys} keys in ${partitions} partitions, poison ${poison}, oversized ${oversized}, deletes ${deletes}${ticks ? ', ticks' : ''}${hotKeys === undefined ? '' : `, ${hotKeys} hot`}${stillKeys ? ', others still' : ''}${floods > 0 ? ', floods' : ''}${sink ? ', a sink' : ''}${sideTopic ? ' of two topics' : ''}`,
    applicationId: 'app',
    topology: () => countingTopology({ stateless, ticks, limitBytes }),
    topics: ['in', 'out', 'dead', ...(sideTopic ? [SIDE_TOPIC] : [])].map((name) => ({ name, partitions, configs: new Map([['max.message.bytes', String(limitBytes)]]) })),
    workload: (chance) => {
      let number = 0
      let written = 0
      let floodsLeft = floods
      const draw = (): string => {
        const drawn = chance.next()
        if (floodsLeft > 0 && drawn > 0.99) {
          floodsLeft--
          return MANY
        }
        if (drawn < poison) return POISON
        if (drawn < poison + oversized) return OVERSIZED
        return drawn < poison + oversized + deletes ? DELETE : `n${number++}`
      }
      const key = (): number => {
        if (hotKeys === undefined) return Math.floor(chance.next() ** 2 * keys)
        if (written++ < keys) return written - 1
        return Math.floor(chance.next() * (chance.chance(0.9) ? Math.min(hotKeys, keys) : keys))
      }
      const value = (of: number): string => {
        const drawn = draw()
        return stillKeys && written > keys && of >= hotKeys && drawn !== POISON ? DELETE : drawn
      }
      // A clock that is ahead, or behind.
      const ageMs = (): number => (chance.chance(0.05) ? chance.integer(-600_000, 60_000) : 0)
      return (): InputRecord => {
        if (sideTopic && chance.chance(SIDE_SHARE)) return { topic: SIDE_TOPIC, key: Buffer.from(`${SIDE_TOPIC}-${chance.integer(1, SIDE_KEYS)}`), value: Buffer.from(String(number++)) }
        const next = key()
        return { topic: 'in', ageMs: ageMs(), key: Buffer.from(`k${next}`), value: Buffer.from(value(next)) }
      }
    },
    check: (result) => checkCounts(result, stateless),
    mayGrow: true,
    companion: sink ? sinkOf('out', sideTopic ? [SIDE_TOPIC] : []) : undefined,
  }
}

function countingTopology(options: CountingOptions): Topology {
  const builder = options.stateless ? new StreamsBuilder() : new StreamsBuilder().store({ name: 'counts' })
  builder
    .deadLettersTo('dead')
    .stream('in', TEXT)
    .process<{ out: [string, string] }>('count', (context) => counting(context, options), { stores: options.stateless ? [] : ['counts'] })
    .output('out')
    .to('out', TEXT)
  return builder.build()
}

interface CountingOptions {
  readonly stateless: boolean
  readonly ticks: boolean
  readonly limitBytes: number
}

function counting(context: ProcessorContext, { stateless, ticks, limitBytes }: CountingOptions): Processor<string, string> {
  const counts = stateless ? undefined : keyValueStore(context, 'counts', TEXT)
  const out = context.output<string, string>('out')
  const next = new StreamRecord<string, string>()
  const write = (key: string, value: string, timestamp: number): void => {
    next.key = key
    next.value = value
    next.timestamp = timestamp
    out(next)
  }
  const count = (key: string, timestamp: number, padding = ''): void => {
    const counted = String(Number(counts?.get(key) ?? '0') + 1)
    counts?.put(key, counted, timestamp)
    write(key, counted + padding, timestamp)
  }
  if (ticks) {
    context.schedule(TICK_MS, (nowMs) => count(`tick-${context.partition}`, nowMs))
    context.schedule(BEAT_MS, (nowMs) => write(`beat-${context.partition}`, counts?.get(`tick-${context.partition}`) ?? '0', nowMs))
  }
  return {
    process({ key = '', value, timestamp }) {
      if (value === POISON) throw new Error('it cannot be processed')
      if (value === DELETE) {
        counts?.delete(key, timestamp)
        return write(key, '0', timestamp)
      }
      const padding = value === OVERSIZED ? ' '.repeat(limitBytes) : ''
      if (stateless) write(key, `${numberOf(value)}${padding}`, timestamp)
      else count(key, timestamp, padding)
      if (value === MANY) for (let i = 1; i <= FLOOD.records; i++) write(`${key}/many`, `${i}${' '.repeat(FLOOD.recordBytes)}`, timestamp)
    },
  }
}

/** What is handed on of an input without a store. */
function numberOf(value: string | undefined): number {
  return value?.startsWith('n') ? Number(value.slice(1)) : 0
}

/** A sequential model: each input in order, once; ticks without a gap; beats that never fall back. */
function checkCounts({ inputs, outputs }: RunResult, stateless: boolean): string[] {
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
    push(expected, key, stateless ? numberOf(text) : (counts.get(key) ?? 0))
    if (text === MANY) for (let i = 1; i <= FLOOD.records; i++) push(expected, `${key}/many`, i)
  }
  const found = new Map<string, number[]>()
  for (const { topic, key, value } of outputs) if (topic === 'out') push(found, String(key), Number(value))
  for (const [key, values] of found) {
    if (key.startsWith('tick-')) expected.set(key, values.map((_, i) => i + 1))
    if (key.startsWith('beat-')) expected.set(key, values.toSorted((a, b) => a - b))
  }
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
