import { StreamsBuilder } from '../../../engine/dsl/streams-builder.ts'
import { keyValueStore } from '../../../engine/key-value-store.ts'
import { type Processor, type ProcessorContext, StreamRecord } from '../../../engine/processor.ts'
import type { Topology } from '../../../engine/topology.ts'
import type { SeededRandom } from '../../../engine/simulation/seeded-random.ts'
import type { InputRecord, RunResult, SimulatedApplication, SimulatedRecord } from '../../../engine/simulation/simulated-application.ts'
import { string } from '../../../serdes/string.ts'

const TEXT = { key: string, value: string }
const SIDES = ['left', 'right'] as const
type Side = (typeof SIDES)[number]
const POISON = 'poison'
const SHOWN = 5

/**
 * Joins two tables, key by key: two input topics in one task, a store for each side. Each input makes one output, which says whose it is and how both sides are then. How the two topics are interleaved is up to
 * the run; whatever it was, the outputs are a fold of it.
 */
export function join(random: SeededRandom): SimulatedApplication {
  const partitions = random.integer(1, 4)
  const keys = Math.floor(random.logarithmic(1, 100))
  const deletes = random.pick([0, 0.1, 0.4])
  const poison = random.pick([0, 0, 0.005, 0.02])
  const leftShare = random.pick([0.1, 0.5, 0.5, 0.8])
  return {
    name: `join of ${keys} keys in ${partitions} partitions, ${leftShare} of them left, deletes ${deletes}, poison ${poison}`,
    applicationId: 'join',
    topology: joiningTopology,
    topics: [...SIDES, 'out', 'dead'].map((name) => ({ name, partitions, configs: new Map() })),
    workload: (chance) => {
      let number = 0
      const value = (): Buffer | null => {
        const drawn = chance.next()
        if (drawn < poison) return Buffer.from(POISON)
        return drawn < poison + deletes ? null : Buffer.from(`n${number++}`)
      }
      // Timestamps decide which topic is read first: now and then they are off.
      const ageMs = (): number => (chance.chance(0.1) ? chance.integer(-2_000, 5_000) : 0)
      return (): InputRecord => ({ topic: chance.chance(leftShare) ? 'left' : 'right', ageMs: ageMs(), key: Buffer.from(`k${Math.floor(chance.next() ** 2 * keys)}`), value: value() })
    },
    check: (result) => checkJoin(result, partitions),
    mayGrow: true,
  }
}

function joiningTopology(): Topology {
  const builder = new StreamsBuilder().deadLettersTo('dead')
  for (const side of SIDES) builder.store({ name: side })
  const [left, right] = SIDES.map((side) => builder.stream(side, TEXT))
  if (left === undefined || right === undefined) throw new Error('a join has two sides')
  left
    .merge(right)
    .process<{ out: [string, string] }>('join', joining, { stores: [...SIDES] })
    .output('out')
    .to('out', TEXT)
  return builder.build()
}

function joining(context: ProcessorContext): Processor<string, string> {
  const tables = { left: keyValueStore(context, 'left', TEXT), right: keyValueStore(context, 'right', TEXT) }
  const out = context.output<string, string>('out')
  const next = new StreamRecord<string, string>()
  return {
    process({ key = '', value, timestamp }) {
      if (value === POISON) throw new Error('it cannot be processed')
      const side = context.topic === 'left' ? 'left' : 'right'
      if (value === undefined) tables[side].delete(key, timestamp)
      else tables[side].put(key, value, timestamp)
      next.key = key
      next.value = joined(`${side}@${context.offset}`, tables.left.get(key), tables.right.get(key))
      next.timestamp = timestamp
      out(next)
    },
  }
}

function joined(of: string, left: string | undefined, right: string | undefined): string {
  return `${of} ${left ?? '-'} ${right ?? '-'}`
}

/** Each partition by itself: its outputs name the inputs in the order in which they were processed. That order is replayed: each side has to come as it was written, each record once, and the join to be right at each step. */
function checkJoin({ inputs, outputs }: RunResult, partitions: number): string[] {
  const violations: string[] = []
  for (let partition = 0; partition < partitions; partition++) {
    const here = <R extends { partition: number }>(records: readonly R[]): R[] => records.filter((record) => record.partition === partition)
    violations.push(...checkPartition(`partition ${partition}`, here(inputs), here(outputs)))
  }
  return violations
}

function checkPartition(at: string, inputs: readonly SimulatedRecord[], outputs: readonly SimulatedRecord[]): string[] {
  const isPoison = ({ value }: SimulatedRecord): boolean => value !== null && String(value) === POISON
  const left: Record<Side, SimulatedRecord[]> = { left: [], right: [] }
  for (const input of inputs) if (!isPoison(input)) left[input.topic === 'left' ? 'left' : 'right'].push(input)
  const tables: Record<Side, Map<string, string>> = { left: new Map(), right: new Map() }
  const violations: string[] = []
  for (const output of outputs.filter(({ topic }) => topic === 'out')) {
    const found = String(output.value)
    const side: Side = found.startsWith('left') ? 'left' : 'right'
    const input = left[side].shift()
    const key = String(input?.key)
    if (input?.value) tables[side].set(key, String(input.value))
    else tables[side].delete(key)
    const expected = joined(`${side}@${input?.offset}`, tables.left.get(key), tables.right.get(key))
    if (input === undefined || String(output.key) !== key || found !== expected || output.timestamp !== input.timestamp) {
      return [`${at}: output ${output.offset} is ${output.key}: ${found}, and should be ${input === undefined ? 'none' : `${key}: ${expected}`}`]
    }
  }
  for (const side of SIDES) for (const { topic, offset } of left[side].slice(0, SHOWN)) violations.push(`${at}: ${topic}@${offset} has no output`)
  const dead = outputs.filter(({ topic }) => topic === 'dead').length
  const poison = inputs.filter(isPoison).length
  return dead === poison ? violations : [...violations, `${at}: ${dead} dead letters of ${poison} records that cannot be processed`]
}
