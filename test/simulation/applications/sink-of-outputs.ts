import type { Companion, CompanionPorts } from '../../../engine/simulation/companion.ts'
import type { RunResult, SimulatedRecord } from '../../../engine/simulation/simulated-application.ts'
import { DatabaseLostError, type SimulatedDatabase } from '../../../engine/simulation/simulated-database.ts'
import type { SimulatedProcess } from '../../../engine/simulation/simulated-process.ts'
import { Connector } from '../../../sinks/connector.ts'
import { runConnector } from '../../../sinks/running-sink.ts'
import { type Claim, type PartitionWrite, type SinkDatabase, SinkRetriableError, type WriteResult } from '../../../sinks/sink-database.ts'
import type { SinkSource } from '../../../sinks/sink-record.ts'
import { MemoryDatabase, MemoryStorage } from '../../../sinks/testing/memory-database.ts'
import { BrokerKafkaClient } from '../../../kafka/kafka-client.ts'

const GROUP_ID = 'sink'
const SHOWN = 5

/** What the sinks have in their database, and what they were told of it. */
interface Held {
  readonly storage: MemoryStorage
  /** Every record that the database has been given, in the generation of its topic: rows alone do not tell of one that a later one has replaced. */
  readonly given: Set<string>
  /** What was claimed, by topic and partition. */
  readonly claimed: Map<string, SinkSource>
  /** What was seen on the way: records that a sink took for applied when the database had not been given them, rows of a write that was fenced. */
  readonly violations: string[]
}

/** The sinks' runtime in the world: two processes that copy topics into one database, each record once in effect. In the end each key has the row of its last record. */
export function sinkOf(topic: string, ownTopics: readonly string[] = []): Companion {
  const topics = [topic, ...ownTopics]
  const held: Held = { storage: new MemoryStorage(), given: new Set(), claimed: new Map(), violations: [] }
  return {
    name: 'sink',
    processes: 2,
    ownTopics,
    start: (ports) => runSink(topics, held, ports),
    lateClaim: (pick) => void claimLate(held, pick),
    left: (outputs) => topics.flatMap((one) => unwritten(one, held.storage, outputs)),
    check: ({ outputs }: RunResult) => [...held.violations.slice(0, SHOWN), ...topics.flatMap((one) => leftOut(one, held, outputs)), ...wrongRows(topics, held.storage, outputs)],
  }
}

function runSink(topics: readonly string[], held: Held, { process, broker, random, database }: CompanionPorts) {
  const client = new BrokerKafkaClient({ broker, clock: process, random: random.fork('client') })
  const sink = runConnector(
    new Connector({
      client,
      database: new DistantDatabase(new MemoryDatabase({ storage: held.storage, groupId: GROUP_ID }), database, process, held),
      clock: process,
      random: random.fork('connector'),
      groupId: GROUP_ID,
      topics,
      onApplied: (records) => {
        for (const { source, offset } of records) if (!isGiven(held, source, offset)) held.violations.push(`a sink has told that ${source.topic}-${source.partition}@${offset} is in the database, which it is not`)
      },
      sessionTimeoutMs: 6_000,
      batchRows: random.pick([3, 50, 5_000]),
      pendingBytes: random.pick([500, 16_000_000]),
      // Where writes are seldom, each of them is of several partitions.
      minIntervalMs: random.pick([5, 300]),
      breaker: { firstDelayMs: 50, longestDelayMs: 2_000 },
    }),
  )
  return { ended: sink.ended, stop: () => void sink.close() }
}

/** A database behind a network. */
class DistantDatabase implements SinkDatabase {
  readonly manifest
  readonly #inner: SinkDatabase
  readonly #way: SimulatedDatabase
  readonly #process: SimulatedProcess
  readonly #held: Held

  constructor(inner: SinkDatabase, way: SimulatedDatabase, process: SimulatedProcess, held: Held) {
    this.#held = held
    this.manifest = inner.manifest
    this.#inner = inner
    this.#way = way
    this.#process = process
  }

  open(): Promise<void> {
    return this.#ask(() => this.#inner.open())
  }

  claim(sources: readonly SinkSource[]): Promise<Claim[]> {
    for (const source of sources) this.#held.claimed.set(`${source.topic}-${source.partition}`, source)
    return this.#ask(() => this.#inner.claim(sources))
  }

  write(batch: readonly PartitionWrite[]): Promise<WriteResult> {
    return this.#ask(async () => {
      const { storage, given, violations } = this.#held
      const before = new Map(storage.rows)
      const result = await this.#inner.write(batch)
      for (const [i, { claim, records }] of batch.entries()) {
        const isApplied = result.outcomes[i] === 'applied'
        for (const record of records) {
          const { source, offset } = record
          if (isApplied) given.add(placeOf(source, claim.generation, offset))
          else if (storage.rows.get(record.keyText()) !== before.get(record.keyText())) violations.push(`a write that was fenced has changed the row of ${record.keyText()} to ${source.topic}-${source.partition}@${offset}`)
        }
      }
      return result
    })
  }

  async close(): Promise<void> {}

  async #ask<T>(act: () => Promise<T>): Promise<T> {
    try {
      return await this.#way.ask(this.#process, act)
    } catch (error) {
      throw error instanceof DatabaseLostError ? new SinkRetriableError(error.message, { cause: error }) : error
    }
  }
}

/** Nobody hears of it but by being fenced. That the topic was made anew since makes it void. */
async function claimLate({ storage, claimed }: Held, pick: number): Promise<void> {
  const source = [...claimed.values()][pick % Math.max(1, claimed.size)]
  if (source !== undefined) await new MemoryDatabase({ storage, groupId: GROUP_ID }).claim([source]).catch(() => [])
}

function placeOf({ topic, partition }: { topic: string; partition: number }, generation: number, offset: number): string {
  return `${topic}-${partition}@${offset} of generation ${generation}`
}

function generationOf({ progress }: MemoryStorage, { topic, partition }: { topic: string; partition: number }): number {
  return progress.get(`${GROUP_ID} ${topic}-${partition}`)?.generation ?? 0
}

/** In the generation of now, or in one before: a topic may have been made anew since. */
function isGiven({ storage, given }: Held, source: SinkSource, offset: number): boolean {
  for (let generation = generationOf(storage, source); generation > 0; generation--) if (given.has(placeOf(source, generation, offset))) return true
  return false
}

function leftOut(topic: string, { storage, given }: Held, outputs: readonly SimulatedRecord[]): string[] {
  const missing = outputs.filter((output) => output.topic === topic && !given.has(placeOf(output, generationOf(storage, output), output.offset)))
  return missing.slice(0, SHOWN).map(({ partition, offset }) => `the sink has left out ${topic}-${partition}@${offset}`)
}

function unwritten(topic: string, { progress }: MemoryStorage, outputs: readonly SimulatedRecord[]): string[] {
  const ends = new Map<string, number>()
  for (const output of outputs) if (output.topic === topic) ends.set(`${topic}-${output.partition}`, output.offset + 1)
  const left: string[] = []
  for (const [at, end] of ends) {
    const nextOffset = progress.get(`${GROUP_ID} ${at}`)?.nextOffset ?? 0
    if (nextOffset < end) left.push(`the sink has ${at} up to ${nextOffset} of ${end}`)
  }
  return left
}

/** A row of a key that a topic made anew has not had again is what it was. */
function wrongRows(topics: readonly string[], storage: MemoryStorage, outputs: readonly SimulatedRecord[]): string[] {
  const { rows } = storage
  const expected = new Map<string, { offset: number; value: string | undefined }>()
  for (const { topic: of, key, value, offset } of outputs) if (topics.includes(of)) expected.set(String(key), { offset, value: value?.toString() })
  const wrong: string[] = []
  for (const key of new Set([...expected.keys(), ...rows.keys()])) {
    const want = expected.get(key)
    const row = rows.get(key)
    if (want === undefined && row !== undefined && isOfTheFormer(topics, storage, row.generation)) continue
    if (want?.offset !== row?.offset || want?.value !== row?.value) wrong.push(`the row of ${key} is ${row?.value} of offset ${row?.offset}, the topic has ${want?.value} of ${want?.offset}`)
  }
  return wrong.slice(0, SHOWN)
}

function isOfTheFormer(topics: readonly string[], { progress }: MemoryStorage, generation: number): boolean {
  const current = topics.flatMap((topic) => [...progress].filter(([at]) => at.startsWith(`${GROUP_ID} ${topic}-`)).map(([, one]) => one.generation))
  return !current.includes(generation)
}
