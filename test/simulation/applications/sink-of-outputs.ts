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

/** The sinks' runtime in the world: two processes that copy a topic into one database, each record once in effect. In the end each key has the row of its last record. */
export function sinkOf(topic: string): Companion {
  const storage = new MemoryStorage()
  /** `partition@offset` of every record that the database has been given: rows alone do not tell of one that a later one has replaced. */
  const given = new Set<string>()
  return {
    name: 'sink',
    processes: 2,
    start: (ports) => runSink(topic, { storage, given }, ports),
    left: (outputs) => unwritten(topic, storage, outputs),
    check: ({ outputs }: RunResult) => [...leftOut(topic, given, outputs), ...wrongRows(topic, storage, outputs)],
  }
}

function runSink(topic: string, { storage, given }: { storage: MemoryStorage; given: Set<string> }, { process, broker, random, database }: CompanionPorts) {
  const client = new BrokerKafkaClient({ broker, clock: process, random: random.fork('client') })
  const sink = runConnector(
    new Connector({
      client,
      database: new DistantDatabase(new MemoryDatabase({ storage, groupId: GROUP_ID }), database, process, given),
      clock: process,
      random: random.fork('connector'),
      groupId: GROUP_ID,
      topics: [topic],
      sessionTimeoutMs: 6_000,
      batchRows: random.pick([3, 50, 5_000]),
      pendingBytes: random.pick([500, 16_000_000]),
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
  readonly #given: Set<string>

  constructor(inner: SinkDatabase, way: SimulatedDatabase, process: SimulatedProcess, given: Set<string>) {
    this.#given = given
    this.manifest = inner.manifest
    this.#inner = inner
    this.#way = way
    this.#process = process
  }

  open(): Promise<void> {
    return this.#ask(() => this.#inner.open())
  }

  claim(sources: readonly SinkSource[]): Promise<Claim[]> {
    return this.#ask(() => this.#inner.claim(sources))
  }

  write(batch: readonly PartitionWrite[]): Promise<WriteResult> {
    return this.#ask(async () => {
      const result = await this.#inner.write(batch)
      for (const [i, { records }] of batch.entries()) if (result.outcomes[i] === 'applied') for (const { source, offset } of records) this.#given.add(`${source.partition}@${offset}`)
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

function leftOut(topic: string, given: ReadonlySet<string>, outputs: readonly SimulatedRecord[]): string[] {
  const missing = outputs.filter((output) => output.topic === topic && !given.has(`${output.partition}@${output.offset}`))
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

function wrongRows(topic: string, { rows }: MemoryStorage, outputs: readonly SimulatedRecord[]): string[] {
  const expected = new Map<string, { offset: number; value: string | undefined }>()
  for (const { topic: of, key, value, offset } of outputs) if (of === topic) expected.set(String(key), { offset, value: value?.toString() })
  const wrong: string[] = []
  for (const key of new Set([...expected.keys(), ...rows.keys()])) {
    const want = expected.get(key)
    const row = rows.get(key)
    if (want?.offset !== row?.offset || want?.value !== row?.value) wrong.push(`the row of ${key} is ${row?.value} of offset ${row?.offset}, the topic has ${want?.value} of ${want?.offset}`)
  }
  return wrong.slice(0, SHOWN)
}
