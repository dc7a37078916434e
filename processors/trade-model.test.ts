import { expect, test } from 'vitest'
import { type ActualRecord, compare } from '../test/model/compare.ts'
import { plainPartitionOf } from '../test/model/plain-murmur2.ts'
import { TradeModel, type ModelOutputs } from '../test/model/trade-model.ts'
import { type Emitted, MemoryContext } from './testing/memory-context.ts'
import { MessageSource } from './testing/message-source.ts'
import { DAY_MS, NOON } from './testing/trade-harness.ts'
import { OUTCOMES } from './outcome.ts'
import { REQUEST_PREFIX_BYTES } from './request-state.ts'
import { tradeProcessor } from './trade-processor.ts'
import { TRADE_PREFIX_BYTES } from './trade-state.ts'

const PARTITIONS = 4
const RECORDS = 800

/** The rules over four partitions in memory, and all that came out of them, as if it had been read from the topics. */
class Partitions {
  readonly actual: ActualRecord[] = []
  readonly #supplier: ReturnType<typeof tradeProcessor>
  readonly #contexts: MemoryContext[]
  readonly #offsets = new Map<string, number>()

  constructor(timeZone: string) {
    this.#supplier = tradeProcessor({ timeZone })
    this.#contexts = Array.from(
      { length: PARTITIONS },
      () =>
        new MemoryContext({
          nowMs: NOON,
          topic: 'trade.ingested',
          partitions: PARTITIONS,
          stores: { trades: TRADE_PREFIX_BYTES, requests: REQUEST_PREFIX_BYTES },
        }),
    )
    this.restart()
  }

  restart(): void {
    for (const context of this.#contexts) context.start(this.#supplier)
  }

  process(
    nowMs: number,
    partition: number,
    record: { key: Buffer | null; value: Buffer | null; timestamp: number; headers: readonly { key: string; value: Buffer | null }[] },
  ): void {
    const context = this.#contexts[partition]
    if (context === undefined) throw new Error(`there is no partition ${partition}`)
    context.nowMs = nowMs
    this.#took(context.process({ ...record, partition, headers: record.headers.map(({ key, value }) => [key, value] as const) }), partition)
  }

  punctuate(nowMs: number): void {
    for (const [partition, context] of this.#contexts.entries()) this.#took(context.punctuate(nowMs), partition)
  }

  #took(emitted: readonly Emitted[], inputPartition: number): void {
    for (const { output, key, value, timestamp, headers } of emitted) {
      const partition = key === undefined ? inputPartition : plainPartitionOf(key, PARTITIONS)
      const log = `${output}-${partition}`
      const offset = this.#offsets.get(log) ?? 0
      this.#offsets.set(log, offset + 1)
      this.actual.push({
        topic: `trade.${output}`,
        partition,
        offset,
        timestamp,
        key: key ?? null,
        value: value ?? null,
        headers: headers.map((header) => ({ key: header.key, value: header.value ?? null })),
      })
    }
  }
}

test.each([
  [1, 'UTC'],
  [2, 'Asia/Tokyo'],
  [3, 'America/New_York'],
  [4, 'UTC'],
])('all that comes out is what the model of the domain says: seed %d, %s', (seed, timeZone) => {
  const source = new MessageSource(seed)
  const partitions = new Partitions(timeZone)
  const model = new TradeModel({ businessDate: { timeZone }, partitions: PARTITIONS, maxMessageBytes: 1_048_588 })
  const expected: ModelOutputs[] = []
  const offsets = new Array<number>(PARTITIONS).fill(0)
  let nowMs = NOON - 10 * 3_600_000
  for (let count = 0; count < RECORDS; count++) {
    nowMs += source.chance(90) ? source.below(2000) : source.chance(90) ? source.below(3_600_000) : source.below(source.chance(80) ? 2 * DAY_MS : 20 * DAY_MS)
    if (source.chance(1)) partitions.restart()
    if (source.chance(3)) {
      partitions.punctuate(nowMs)
      expected.push(...model.expire(nowMs))
      continue
    }
    const { key, value } = source.record()
    const partition = key === null || source.chance(2) ? source.below(PARTITIONS) : plainPartitionOf(key, PARTITIONS)
    const timestamp = source.pick(nowMs, nowMs, nowMs - 1000, nowMs + 5000, nowMs - DAY_MS, nowMs - DAY_MS - 1, -1)
    const headers = source.headers()
    const offset = offsets[partition] ?? 0
    offsets[partition] = offset + 1
    expected.push(model.apply({ partition, offset, timestamp, key, value, headers }, nowMs))
    partitions.process(nowMs, partition, { key, value, timestamp, headers })
  }
  expect(compare(partitions.actual, expected)).toEqual([])
  expect(Object.keys(OUTCOMES).filter((outcome) => !expected.some((outputs) => outputs.outcome === outcome))).toEqual([])
})
