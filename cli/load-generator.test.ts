import { expect, test } from 'vitest'
import { TradeWorkload } from '../bench/workload/trade-workload.ts'
import { type Workload, WorkloadRecord } from '../bench/workload/workload.ts'
import { ConnectionLostError, type TopicMetadata } from '../ports/broker.ts'
import type { OutgoingBatch } from '../ports/kafka-client.ts'
import { KafkaError, RecordRefusedError } from '../ports/kafka-error.ts'
import { BatchCursor } from '../records/batch-cursor.ts'
import { readHeaders } from '../records/headers.ts'
import { stampBatch } from '../records/record-batch.ts'
import { plainPartitionOf } from '../test/model/plain-murmur2.ts'
import { VirtualClock } from '../test/support/virtual-clock.ts'
import { LoadGenerator, type LoadGeneratorOptions } from './load-generator.ts'

interface Received {
  readonly partition: number
  readonly timestamp: number
  readonly key: string | null
  readonly value: string | null
  readonly headers: string[]
  readonly atMs: number
}

/** A topic of four partitions that keeps what it is sent, unless it is told to answer otherwise. */
class FakeKafka {
  readonly clock = new VirtualClock()
  readonly received: Received[] = []
  topicErrorCode = 0
  answer: (batches: readonly OutgoingBatch[]) => Promise<void> = () => Promise.resolve()
  closed = false

  topics = (names: readonly string[]): Promise<TopicMetadata[]> => {
    const partitions = [0, 1, 2, 3].map((partition) => ({ partition, errorCode: 0, leader: 1, leaderEpoch: 0, replicas: [1], inSyncReplicas: [1] }))
    return Promise.resolve(names.map((name) => ({ name, topicId: 'id', errorCode: this.topicErrorCode, internal: false, partitions: this.topicErrorCode === 0 ? partitions : [] })))
  }

  producer = () => ({
    produce: async (batches: readonly OutgoingBatch[]): Promise<number[]> => {
      for (const batch of batches) this.#keep(batch)
      await this.answer(batches)
      return batches.map(() => 0)
    },
    produceEach: (): never => {
      throw new Error('the load generator takes one answer for all partitions')
    },
    close: async (): Promise<void> => {
      this.closed = true
    },
  })

  #keep({ partition, bytes }: OutgoingBatch): void {
    stampBatch(bytes, { producerId: 1, producerEpoch: 0, baseSequence: 0 })
    const cursor = new BatchCursor()
    cursor.reset(bytes, 0, bytes.length)
    while (cursor.nextBatch()) {
      while (cursor.nextRecord()) {
        this.received.push({
          partition,
          timestamp: cursor.timestamp,
          key: cursor.hasKey ? cursor.key.toString() : null,
          value: cursor.hasValue ? cursor.value.toString() : null,
          headers: readHeaders(cursor.headers).map(({ key, value }) => `${key}=${value}`),
          atMs: this.clock.now(),
        })
      }
    }
  }
}

function generator(kafka: FakeKafka, options: Partial<LoadGeneratorOptions>): LoadGenerator {
  return new LoadGenerator({ client: kafka, clock: kafka.clock, workload: new TradeWorkload({ keys: 100 }), ratePerS: 0, ...options })
}

test('as fast as possible: exactly so many records as asked for, where murmur2 puts them', async () => {
  const kafka = new FakeKafka()
  const report = await generator(kafka, { count: 25_000 }).run()
  expect(report).toMatchObject({ sent: 25_000, acknowledged: 25_000, unknown: 0, refused: 0 })
  expect(kafka.received).toHaveLength(25_000)
  expect(report.acknowledgedByPartition).toEqual([0, 1, 2, 3].map((partition) => kafka.received.filter((record) => record.partition === partition).length))
  for (const { key, partition } of kafka.received.slice(0, 500)) expect(partition).toBe(plainPartitionOf(Buffer.from(key ?? ''), 4))
  expect(kafka.closed).toBe(true)
})

test('the records are those of the workload, in its order per partition', async () => {
  const kafka = new FakeKafka()
  await generator(kafka, { count: 1000 }).run()
  const workload = new TradeWorkload({ keys: 100 })
  const record = new WorkloadRecord()
  const expected: string[][] = [[], [], [], []]
  for (let i = 0; i < 1000; i++) {
    workload.next(record)
    expected[plainPartitionOf(record.key.copy(), 4)]?.push(record.value.toString())
  }
  expect([0, 1, 2, 3].map((partition) => kafka.received.filter((other) => other.partition === partition).map(({ value }) => value))).toEqual(expected)
})

test('at a rate: a record is sent when it is due and stamped with that moment', async () => {
  const kafka = new FakeKafka()
  const startMs = kafka.clock.now()
  const running = generator(kafka, { ratePerS: 1000, durationMs: 2000 }).run()
  await kafka.clock.advance(3000)
  expect(await running).toMatchObject({ startedMs: startMs, sent: 2000, acknowledged: 2000 })
  expect(kafka.received.map(({ timestamp }) => timestamp - startMs).sort((a, b) => a - b)).toEqual(Array.from({ length: 2000 }, (_, i) => i))
  for (const { timestamp, atMs } of kafka.received) {
    expect(atMs - timestamp).toBeGreaterThanOrEqual(0)
    expect(atMs - timestamp).toBeLessThanOrEqual(5)
  }
})

test('after a stall the records keep the timestamps at which they were due: the wait is in the latency', async () => {
  const kafka = new FakeKafka()
  const startMs = kafka.clock.now()
  const running = generator(kafka, { ratePerS: 1000, count: 1500 }).run()
  await kafka.clock.advance(100)
  kafka.clock.freeze(1000)
  await kafka.clock.advance(2000)
  await running
  const late = kafka.received.filter(({ timestamp, atMs }) => atMs - timestamp > 900)
  expect(late.length).toBeGreaterThan(50)
  expect(Math.max(...kafka.received.map(({ timestamp }) => timestamp - startMs))).toBe(1499)
})

test('where answers are slow, batches grow: a record waits for two answers at most, not for all before it', async () => {
  const kafka = new FakeKafka()
  let calls = 0
  kafka.answer = async () => {
    calls++
    await new Promise<void>((resolve) => void kafka.clock.after(50, resolve))
  }
  const running = generator(kafka, { ratePerS: 4000, durationMs: 2000 }).run()
  await kafka.clock.advance(5000)
  expect(await running).toMatchObject({ sent: 8000, acknowledged: 8000 })
  // Four partitions, each with an answer every 50 ms of two seconds.
  expect(calls).toBeLessThanOrEqual(4 * 42)
  for (const { timestamp, atMs } of kafka.received) expect(atMs - timestamp).toBeLessThanOrEqual(60)
})

test('no more than the allowed bytes are under way: the generator waits for answers', async () => {
  const kafka = new FakeKafka()
  const waiting: (() => void)[] = []
  kafka.answer = () => new Promise((resolve) => void waiting.push(resolve))
  const running = generator(kafka, { count: 100_000, maxBytesInFlight: 1_000_000 })
  const done = running.run()
  for (let i = 0; i < 5; i++) await kafka.clock.settle()
  const sent = running.report.sent
  for (let i = 0; i < 5; i++) await kafka.clock.settle()
  expect(running.report.sent).toBe(sent)
  expect(sent).toBeLessThan(100_000)
  kafka.answer = () => Promise.resolve()
  for (const resolve of waiting) resolve()
  expect(await done).toMatchObject({ acknowledged: 100_000 })
})

test('what the producer gives up is counted as unknown, and the load goes on', async () => {
  const kafka = new FakeKafka()
  let calls = 0
  kafka.answer = () => (++calls === 1 ? Promise.reject(new ConnectionLostError('the broker went away')) : Promise.resolve())
  const report = await generator(kafka, { count: 30_000 }).run()
  expect(report).toMatchObject({ sent: 30_000, refused: 0, lastError: 'the broker went away' })
  expect(report.unknown).toBeGreaterThan(0)
  expect(report.acknowledged + report.unknown).toBe(30_000)
})

test('a batch that the broker refuses is counted as refused, those beside it as unknown', async () => {
  const kafka = new FakeKafka()
  let refusedCount = 0
  kafka.answer = (batches) => {
    if (refusedCount > 0) return Promise.resolve()
    refusedCount = batches[1]?.recordCount ?? 0
    return Promise.reject(new RecordRefusedError({ code: 10, errorName: 'MESSAGE_TOO_LARGE', scope: 'record' }, { topic: 't', partition: 1, batchIndex: 1, recordIndexes: [] }, 'refused'))
  }
  const report = await generator(kafka, { count: 30_000 }).run()
  expect(report.refused).toBe(refusedCount)
  expect(report.acknowledged + report.unknown + report.refused).toBe(30_000)
})

test('what no repetition helps ends the load', async () => {
  const kafka = new FakeKafka()
  kafka.answer = () => Promise.reject(new KafkaError({ code: 29, errorName: 'TOPIC_AUTHORIZATION_FAILED', scope: 'fatal' }, 'Produce'))
  await expect(generator(kafka, { count: 1_000_000 }).run()).rejects.toThrow('TOPIC_AUTHORIZATION_FAILED')
  expect(kafka.closed).toBe(true)
})

test('a signal ends it, also where a broker never answers', async () => {
  const kafka = new FakeKafka()
  kafka.answer = () => new Promise(() => {})
  const stopping = new AbortController()
  const running = generator(kafka, { ratePerS: 1000 }).run(stopping.signal)
  await kafka.clock.advance(100)
  stopping.abort()
  await kafka.clock.advance(5000)
  const report = await running
  expect(report.sent).toBeGreaterThan(50)
  expect(report.acknowledged).toBe(0)
})

test('a topic that is not there is waited for, and named if it does not come', async () => {
  const kafka = new FakeKafka()
  kafka.topicErrorCode = 3
  const later = generator(kafka, { count: 10 }).run()
  await kafka.clock.advance(1000)
  kafka.topicErrorCode = 0
  await kafka.clock.advance(1000)
  expect(await later).toMatchObject({ acknowledged: 10 })

  kafka.topicErrorCode = 3
  const never = expect(generator(kafka, { count: 10, topicTimeoutMs: 2000 }).run()).rejects.toThrow('topic trade.ingested is not there (error 3) after 2 s: start the processor')
  await kafka.clock.advance(3000)
  await never
})

test('headers, null keys and values, ages and shifted partitions arrive as the workload says', async () => {
  const kafka = new FakeKafka()
  const workload: Workload = {
    next(into) {
      into.hasKey = false
      into.hasValue = false
      into.headers = [{ key: 'request-id', value: Buffer.from('r1') }, { key: 'nothing', value: null }]
      into.placement.set(Buffer.from('T1'), 0, 2)
      into.partitionShift = 3
      into.timestampAgeMs = 1000
    },
  }
  await generator(kafka, { workload, count: 1 }).run()
  const [record] = kafka.received
  expect(record).toEqual({
    partition: (plainPartitionOf(Buffer.from('T1'), 4) + 3) % 4, timestamp: kafka.clock.now() - 1000, key: null, value: null, headers: ['request-id=r1', 'nothing=undefined'], atMs: kafka.clock.now(),
  })
})

test('a rate that is no rate is refused', () => {
  expect(() => generator(new FakeKafka(), { ratePerS: -1 })).toThrow('ratePerS is -1, expected records a second')
})
