import { StreamsBuilder } from '../../../engine/dsl/streams-builder.ts'
import { keyValueStore } from '../../../engine/key-value-store.ts'
import { type Processor, type ProcessorContext, StreamRecord } from '../../../engine/processor.ts'
import type { Topology } from '../../../engine/topology.ts'
import type { SeededRandom } from '../../../engine/simulation/seeded-random.ts'
import type { InputRecord, RunResult, SimulatedApplication, SimulatedRecord } from '../../../engine/simulation/simulated-application.ts'
import { string } from '../../../serdes/string.ts'
import { firstDifference } from './first-difference.ts'

const TEXT = { key: string, value: string }
const POISON = 'poison'
const STREAM_TIME = 'stream time'
const MAX_AHEAD_WINDOWS = 3

interface WindowShape {
  readonly partitions: number
  readonly keys: number
  readonly windowMs: number
  /** For so long after its end a window takes late records. */
  readonly graceMs: number
  readonly poison: number
  /** Share of records that are stamped late, by up to some windows. */
  readonly late: number
  /** Records that come too late are handed on, or dropped without a word. */
  readonly tellsLate: boolean
}

/**
 * Counts records by key in tumbling windows of stream time, the highest timestamp of the partition so far. When that passes the end of a window and its grace, the counts of the window are handed on, by key, and
 * deleted. What the processor knows of open windows in memory comes from its store.
 */
export function windows(random: SeededRandom): SimulatedApplication {
  const windowMs = Math.floor(random.logarithmic(100, 5_000))
  const shape: WindowShape = {
    partitions: random.integer(1, 4),
    keys: Math.floor(random.logarithmic(1, 100)),
    windowMs,
    graceMs: random.pick([0, Math.floor(windowMs / 2), 2 * windowMs]),
    poison: random.pick([0, 0, 0.005, 0.02]),
    late: random.pick([0.02, 0.1, 0.4]),
    tellsLate: random.chance(0.5),
  }
  const { partitions, keys, poison, late } = shape
  return {
    name: `windows of ${windowMs} ms and ${shape.graceMs} ms of grace, ${keys} keys in ${partitions} partitions, poison ${poison}, late ${late}${shape.tellsLate ? ' and told' : ''}`,
    applicationId: 'windows',
    topology: () => windowedTopology(shape),
    topics: ['in', 'out', 'late', 'dead'].map((name) => ({ name, partitions, configs: new Map() })),
    workload: (chance) => {
      const ageMs = (): number => {
        const drawn = chance.next()
        if (drawn < late) return chance.between(0, 3 * (windowMs + shape.graceMs))
        return drawn > 0.998 ? -chance.between(0, MAX_AHEAD_WINDOWS * windowMs) : 0
      }
      return (): InputRecord => ({ topic: 'in', ageMs: Math.floor(ageMs()), key: Buffer.from(`k${Math.floor(chance.next() ** 2 * keys)}`), value: Buffer.from(chance.chance(poison) ? POISON : 'x') })
    },
    check: (result) => checkWindows(result, shape),
    mayGrow: true,
  }
}

function windowedTopology(shape: WindowShape): Topology {
  const builder = new StreamsBuilder().store({ name: 'windows' })
  const counted = builder
    .deadLettersTo('dead')
    .stream('in', TEXT)
    .process<{ out: [string, string]; late: [string, string] }>('count', (context) => counting(context, shape), { stores: ['windows'] })
  counted.output('out').to('out', TEXT)
  counted.output('late').to('late', TEXT)
  return builder.build()
}

/** In the store: `<start of the window>/<key>` to its count, and the stream time. */
function counting(context: ProcessorContext, { windowMs, graceMs, tellsLate }: WindowShape): Processor<string, string> {
  const store = keyValueStore(context, 'windows', TEXT)
  const out = context.output<string, string>('out')
  const tooLate = context.output<string, string>('late')
  const next = new StreamRecord<string, string>()
  const write = (to: typeof out, key: string, value: string, timestamp: number): void => {
    next.key = key
    next.value = value
    next.timestamp = timestamp
    to(next)
  }
  /** Keys of the open windows, by start. */
  const open = new Map<number, Set<string>>()
  const remember = (start: number, key: string): void => {
    const keys = open.get(start)
    if (keys === undefined) open.set(start, new Set([key]))
    else keys.add(key)
  }
  context.store('windows').watch((bytes) => {
    const text = bytes.toString()
    const at = text.indexOf('/')
    if (at > 0) remember(Number(text.slice(0, at)), text.slice(at + 1))
  })
  const close = (start: number, keys: ReadonlySet<string>, timestamp: number): void => {
    for (const key of [...keys].sort()) {
      const count = store.get(`${start}/${key}`)
      if (count === undefined) continue
      write(out, key, `${start}: ${count}`, start + windowMs)
      store.delete(`${start}/${key}`, timestamp)
    }
    open.delete(start)
  }
  return {
    process({ key = '', value, timestamp }) {
      if (value === POISON) throw new Error('it cannot be processed')
      const before = Number(store.get(STREAM_TIME) ?? '-1')
      const streamTime = Math.max(before, timestamp)
      if (streamTime > before) store.put(STREAM_TIME, String(streamTime), timestamp)
      for (const start of [...open.keys()].sort((a, b) => a - b)) if (isOver(start, streamTime, { windowMs, graceMs })) close(start, open.get(start) ?? new Set(), timestamp)
      const start = startOf(timestamp, windowMs)
      if (isOver(start, streamTime, { windowMs, graceMs })) {
        if (tellsLate) write(tooLate, key, String(start), timestamp)
        return
      }
      remember(start, key)
      store.put(`${start}/${key}`, String(Number(store.get(`${start}/${key}`) ?? '0') + 1), timestamp)
    },
  }
}

function startOf(timestamp: number, windowMs: number): number {
  return timestamp - (timestamp % windowMs)
}

function isOver(start: number, streamTime: number, { windowMs, graceMs }: { windowMs: number; graceMs: number }): boolean {
  return start + windowMs + graceMs <= streamTime
}

/** The outputs of each partition, in order, as a sequential model of the partition says. */
function checkWindows({ inputs, outputs }: RunResult, shape: WindowShape): string[] {
  const expected = new Map<string, string[]>()
  const expect = (topic: string, partition: number, line: string): void => {
    const at = `${topic}-${partition}`
    const lines = expected.get(at)
    if (lines === undefined) expected.set(at, [line])
    else lines.push(line)
  }
  for (let partition = 0; partition < shape.partitions; partition++) model(inputs.filter((input) => input.partition === partition), shape, (topic, line) => expect(topic, partition, line))
  const violations: string[] = []
  for (const topic of ['out', 'late', 'dead']) {
    for (let partition = 0; partition < shape.partitions; partition++) {
      const at = `${topic}-${partition}`
      const found = outputs.filter((output) => output.topic === topic && output.partition === partition).map(lineOf)
      violations.push(...firstDifference(at, expected.get(at) ?? [], found))
    }
  }
  return violations
}

function lineOf({ key, value, timestamp }: SimulatedRecord): string {
  return `${key}=${value}@${timestamp}`
}

/** Without a store, an index, or anything that can fail: each window is a list of keys, looked through at each record. */
function model(inputs: readonly SimulatedRecord[], { windowMs, graceMs, tellsLate }: WindowShape, tell: (topic: string, line: string) => void): void {
  let streamTime = -1
  const counts = new Map<number, Map<string, number>>()
  for (const input of inputs) {
    const { timestamp } = input
    const key = String(input.key)
    if (String(input.value) === POISON) {
      tell('dead', lineOf(input))
      continue
    }
    streamTime = Math.max(streamTime, timestamp)
    const over = [...counts].filter(([start]) => streamTime - start >= windowMs + graceMs).sort(([a], [b]) => a - b)
    for (const [start, ofWindow] of over) {
      for (const [counted, count] of [...ofWindow].sort(([a], [b]) => (a < b ? -1 : 1))) tell('out', `${counted}=${start}: ${count}@${start + windowMs}`)
      counts.delete(start)
    }
    const start = Math.floor(timestamp / windowMs) * windowMs
    if (streamTime - start >= windowMs + graceMs) {
      if (tellsLate) tell('late', `${key}=${start}@${timestamp}`)
      continue
    }
    const ofWindow = counts.get(start) ?? new Map<string, number>()
    counts.set(start, ofWindow.set(key, (ofWindow.get(key) ?? 0) + 1))
  }
}
