import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ApplicationTopology, changelogTopic } from '../../engine/application-topology.ts'
import { ChangelogStore } from '../../engine/changelog-store.ts'
import { RecordCollector } from '../../engine/record-collector.ts'
import { Task } from '../../engine/task.ts'
import type { Transaction } from '../../engine/transaction.ts'
import { systemClock } from '../../ports/system-clock.ts'
import { BatchBuilder } from '../../records/batch-builder.ts'
import { murmur2, partitionOf } from '../../records/murmur2.ts'
import { setBaseOffset, stampBatch } from '../../records/record-batch.ts'
import { LogStore } from '../../stores/log-store/log-store.ts'
import { nodeDisk } from '../../stores/node-disk.ts'
import { TRADE_TOPICS } from '../../topology/trade-topics.ts'
import { createTrades } from '../../topology/trades.ts'
import { TradeWorkload } from '../workload/trade-workload.ts'
import { type Workload, WorkloadRecord } from '../workload/workload.ts'

const PARTITIONS = 12
/** As a fetch brings them. */
const CHUNK_BYTES = 400_000
const TRANSACTION_RECORDS = 16_000
const TURN_RECORDS = 1_024

/** Nanoseconds of the thread's CPU a record, by what they went into. */
export interface PathCost {
  readonly processNs: number
  readonly sealNs: number
  readonly applyNs: number
  readonly records: number
  readonly outputBytes: number
}

/** The data path of a stream thread without a broker: tasks of the trade topology on log stores, fed with what a fetch would bring, committed to nobody. */
export class DataPath {
  readonly #tasks: Task[] = []
  readonly #stores = new Set<LogStore>()
  readonly #collector: RecordCollector
  readonly #topology: ApplicationTopology
  readonly #folder: string
  readonly #ends = new Map<string, number>()
  readonly #workload: Workload
  readonly #keepsFolder: boolean
  readonly #builders = Array.from({ length: PARTITIONS }, () => new BatchBuilder({ transactional: false }))
  readonly #offsets = new Array<number>(PARTITIONS).fill(0)

  private constructor({ folder, workload = new TradeWorkload({ keys: 500_000 }), keepsFolder }: { folder: string; workload: Workload | undefined; keepsFolder: boolean }) {
    const { topology } = createTrades({ businessDate: '2026-11-20' })
    const topics = [...topology.subTopologies().flatMap(({ sourceTopics }) => sourceTopics), ...topology.sinkTopics]
    this.#topology = new ApplicationTopology('bench', topology, new Map(topics.map((topic) => [topic, PARTITIONS])))
    this.#collector = new RecordCollector(this.#topology.partitionCounts)
    this.#folder = folder
    this.#workload = workload
    this.#keepsFolder = keepsFolder
  }

  /** `folder`: where the stores lie and stay. Default: one that goes when the path is closed. */
  static async open({ folder, workload }: { folder?: string; workload?: Workload } = {}): Promise<DataPath> {
    const path = new DataPath({ folder: folder ?? (await mkdtemp(join(tmpdir(), 'tradewind-path-'))), workload, keepsFolder: folder !== undefined })
    for (let partition = 0; partition < PARTITIONS; partition++) await path.#openTask(partition)
    return path
  }

  async close(): Promise<void> {
    for (const store of this.#stores) await store.close()
    if (!this.#keepsFolder) await rm(this.#folder, { recursive: true, force: true })
  }

  /** Makes records of the workload, outside of the measurement, and runs them through. */
  async run(records: number): Promise<PathCost> {
    const cost = { processNs: 0, sealNs: 0, applyNs: 0, records: 0, outputBytes: 0 }
    while (cost.records < records) {
      this.#feed()
      for (let more = true; more; ) {
        const before = process.threadCpuUsage()
        let processed = 0
        for (const task of this.#tasks) processed += task.process(TURN_RECORDS)
        cost.processNs += cpuNsSince(before)
        cost.records += processed
        more = processed > 0
        if (this.#collector.full || this.#collector.open.records >= TRANSACTION_RECORDS || !more) await this.#commit(cost)
      }
    }
    return {
      ...cost,
      processNs: cost.processNs / cost.records,
      sealNs: cost.sealNs / cost.records,
      applyNs: cost.applyNs / cost.records,
      outputBytes: cost.outputBytes / cost.records,
    }
  }

  async #commit(cost: { sealNs: number; applyNs: number; outputBytes: number }): Promise<void> {
    let before = process.threadCpuUsage()
    const transaction = this.#collector.seal()
    for (const { builder } of transaction.batches) {
      const bytes = builder.seal()
      stampBatch(bytes, { producerId: 1, producerEpoch: 0, baseSequence: 0 })
      cost.outputBytes += bytes.length
    }
    cost.sealNs += cpuNsSince(before)
    before = process.threadCpuUsage()
    await this.#apply(transaction)
    this.#collector.recycle(transaction)
    cost.applyNs += cpuNsSince(before)
  }

  async #apply({ batches }: Transaction): Promise<void> {
    await Promise.all(
      batches.map(async ({ topic, partition, builder, store, layer }) => {
        if (store === undefined || layer === undefined) return
        const baseOffset = this.#ends.get(`${topic}-${partition}`) ?? 0
        this.#ends.set(`${topic}-${partition}`, baseOffset + builder.recordCount)
        const bytes = builder.seal()
        await store.store.apply([{ bytes, start: 0, end: bytes.length, baseOffset }], baseOffset + builder.recordCount, undefined)
        store.applied(layer)
        await store.store.housekeep(2_000_000)
      }),
    )
  }

  /** A chunk for each partition. */
  #feed(): void {
    const record = new WorkloadRecord()
    while (this.#builders.every((builder) => builder.sizeBytes < CHUNK_BYTES)) {
      this.#workload.next(record)
      const { key } = record
      this.#builders[partitionOf(murmur2(key.buffer, key.start, key.end), PARTITIONS)]?.append(systemClock.now(), key, record.value, undefined)
    }
    for (const [partition, builder] of this.#builders.entries()) {
      const fetchOffset = this.#offsets[partition] ?? 0
      const nextOffset = fetchOffset + builder.recordCount
      this.#offsets[partition] = nextOffset
      const buffer = builder.sealPlain()
      setBaseOffset(buffer, 0, fetchOffset)
      this.#tasks[partition]?.push({
        kind: 'chunk',
        topic: TRADE_TOPICS.ingested,
        partition,
        fetchOffset,
        nextOffset,
        leaderEpoch: 0,
        highWatermark: nextOffset,
        lastStableOffset: nextOffset,
        abortedTransactions: [],
        buffer,
        start: 0,
        end: buffer.length,
        release: () => builder.recycle(buffer),
      })
      builder.reset()
    }
  }

  async #openTask(partition: number): Promise<void> {
    const id = `0_${partition}`
    const { part } = this.#topology.locate(id)
    const stores: ChangelogStore[] = []
    for (const { name, prefixBytes = 0 } of part.stores) {
      const store = await LogStore.open({ name, disk: nodeDisk, partition, directory: join(this.#folder, name, String(partition)), prefixBytes })
      this.#stores.add(store)
      stores.push(new ChangelogStore({ topic: changelogTopic('bench', name), partition, taskId: id, store, collector: this.#collector }))
    }
    const task = new Task({
      id,
      part,
      partition,
      sourcePartitions: this.#topology.partitionCounts,
      stores,
      collector: this.#collector,
      clock: systemClock,
      deadLetterTopic: TRADE_TOPICS.deadLetter,
    })
    task.resume([{ topic: TRADE_TOPICS.ingested, offset: 0, partitionTime: -1, isCommitted: true }], systemClock.now())
    this.#tasks.push(task)
  }
}

function cpuNsSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.threadCpuUsage(before)
  return (user + system) * 1000
}
