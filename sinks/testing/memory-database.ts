import type { Claim, PartitionWrite, PoisonRecord, SinkDatabase, WriteResult } from '../sink-database.ts'
import { SinkPoisonError, SinkRetriableError } from '../sink-database.ts'
import type { SinkRecord, SinkSource } from '../sink-record.ts'

/** What the database holds of a key. */
export interface MemoryRow {
  readonly generation: number
  readonly offset: number
  /** `undefined`: deleted. */
  readonly value: string | undefined
}

/** The content of a database in memory, which outlives the clients opened on it. */
export class MemoryStorage {
  readonly rows = new Map<string, MemoryRow>()
  readonly progress = new Map<string, { generation: number; epoch: number; nextOffset: number }>()
  readonly generations = new Map<string, number>()
}

/** What a write meets: called before it is applied and after; an error that it throws is the client's answer. */
export type MemoryFault = (at: 'before' | 'after', batch: readonly PartitionWrite[]) => void | Promise<void>

/** A `SinkDatabase` in memory: the reference of the contract, and the database of the connector's tests and of the simulation. Values must be JSON. */
export class MemoryDatabase implements SinkDatabase {
  readonly manifest = { name: 'memory', fencing: 'epoch' } as const
  readonly #storage: MemoryStorage
  readonly #groupId: string
  readonly #fault: MemoryFault

  constructor(options: { storage: MemoryStorage; groupId: string; fault?: MemoryFault }) {
    this.#storage = options.storage
    this.#groupId = options.groupId
    this.#fault = options.fault ?? (() => {})
  }

  async open(): Promise<void> {}

  async claim(sources: readonly SinkSource[]): Promise<Claim[]> {
    return sources.map((source) => {
      const { generations, progress } = this.#storage
      const name = `${source.clusterId} ${source.topicId}`
      const generation = generations.get(name) ?? generations.size + 1
      generations.set(name, generation)
      const before = progress.get(this.#key(source))
      if (before !== undefined && before.generation > generation) throw new SinkRetriableError(`a later topic '${source.topic}' is known: the metadata is out of date`)
      const after = { generation, epoch: (before?.epoch ?? 0) + 1, nextOffset: before?.generation === generation ? before.nextOffset : 0 }
      progress.set(this.#key(source), after)
      return { source, ...after }
    })
  }

  async write(batch: readonly PartitionWrite[]): Promise<WriteResult> {
    await this.#fault('before', batch)
    const poison = batch.flatMap(({ records }) => records.flatMap(refusal))
    if (poison.length > 0) throw new SinkPoisonError(`${poison.length} records refused`, poison)
    let rowsWritten = 0
    let rowsStale = 0
    const outcomes = batch.map((write): 'applied' | 'fenced' => {
      const { claim, fromOffset, toOffset } = write
      const key = this.#key(claim.source)
      const now = this.#storage.progress.get(key)
      if (now === undefined || now.generation !== claim.generation || now.epoch !== claim.epoch) return 'fenced'
      if (now.nextOffset === toOffset && fromOffset !== toOffset) return 'applied'
      if (now.nextOffset !== fromOffset) return 'fenced'
      for (const record of write.records) {
        if (this.#put(record, claim.generation)) rowsWritten++
        else rowsStale++
      }
      this.#storage.progress.set(key, { ...now, nextOffset: toOffset })
      return 'applied'
    })
    await this.#fault('after', batch)
    return { outcomes, rowsWritten, rowsStale }
  }

  async close(): Promise<void> {}

  #put(record: SinkRecord, generation: number): boolean {
    const before = this.#storage.rows.get(record.keyText())
    if (before !== undefined && (before.generation > generation || (before.generation === generation && before.offset >= record.offset))) return false
    this.#storage.rows.set(record.keyText(), { generation, offset: record.offset, value: record.hasValue ? record.valueText() : undefined })
    return true
  }

  #key({ topic, partition }: SinkSource): string {
    return `${this.#groupId} ${topic}-${partition}`
  }
}

function refusal(record: SinkRecord): PoisonRecord[] {
  if (!record.hasValue) return []
  try {
    JSON.parse(record.valueText())
    return []
  } catch (error) {
    return [{ record, reason: String(error) }]
  }
}
