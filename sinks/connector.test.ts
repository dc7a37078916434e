import { afterEach, expect, test } from 'vitest'
import { VirtualClock } from '../test/support/virtual-clock.ts'
import { Connector, type ConnectorOptions } from './connector.ts'
import type { SinkEvent } from './connector-snapshot.ts'
import { type PartitionWrite, SinkFatalError, SinkRetriableError } from './sink-database.ts'
import { FakeKafka } from './testing/fake-kafka.ts'
import { MemoryDatabase, type MemoryFault, MemoryStorage } from './testing/memory-database.ts'
import { sourceOf } from './testing/sink-records.ts'

const random = { next: () => 0.5, uuid: () => '' }
const running: Connector[] = []

afterEach(async () => {
  for (const connector of running.splice(0)) await connector.close()
})

async function setUp(options: { fault?: MemoryFault; partitions?: number; connector?: Partial<ConnectorOptions> } = {}) {
  const clock = new VirtualClock()
  const kafka = new FakeKafka(options.partitions ?? 2)
  const storage = new MemoryStorage()
  const events: SinkEvent[] = []
  const writes: PartitionWrite[][] = []
  const fault: MemoryFault = (at, batch) => {
    if (at === 'before') writes.push([...batch])
    return options.fault?.(at, batch)
  }
  const database = new MemoryDatabase({ storage, groupId: 'g', fault })
  const breaker = { threshold: 2, firstDelayMs: 100, longestDelayMs: 400 }
  const connector = new Connector({ client: kafka.client, database, clock, random, groupId: 'g', topics: [kafka.topic], breaker, onEvent: (event) => events.push(event), ...options.connector })
  running.push(connector)
  await connector.start()
  await clock.settle()
  return { clock, kafka, storage, database, connector, events, writes, eventTypes: () => events.map(({ type }) => type) }
}

const records = (count: number, prefix = 'K') => Array.from({ length: count }, (_, i) => ({ key: `${prefix}${i}`, value: String(i) }))

test('records of all partitions are written in one batch, from the progress on, and the group is told', async () => {
  const { clock, kafka, storage, connector, writes } = await setUp()
  storage.generations.set('cluster-1 topic-1', 1)
  storage.progress.set('g trade.processed-1', { generation: 1, epoch: 4, nextOffset: 2 })
  kafka.append(0, records(3, 'A'), 1)
  kafka.append(1, records(3, 'B'), 1)
  kafka.assign(0, 1)
  await clock.advance(2_000)
  expect(writes.map((batch) => batch.map(({ claim, fromOffset, toOffset }) => [claim.source.partition, claim.epoch, fromOffset, toOffset]))).toEqual([[[0, 1, 0, 4], [1, 5, 2, 4]]])
  expect([...storage.rows.keys()]).toEqual(['A0', 'A1', 'A2', 'B2'])
  expect(kafka.groupCommits.map(({ partition, offset }) => [partition, offset])).toEqual([[0, 4], [1, 4]])
  expect(connector.snapshot()).toMatchObject({ state: 'running', lag: 0, rowsWritten: 4, batches: 1, recordsRead: 4 })
})

test('a long queue goes in batches of the size that is set', async () => {
  const { clock, kafka, writes } = await setUp({ partitions: 1, connector: { batchRows: 4 } })
  kafka.append(0, records(10))
  kafka.assign(0)
  await clock.advance(100)
  expect(writes.flat().map(({ fromOffset, toOffset }) => [fromOffset, toOffset])).toEqual([[0, 4], [4, 8], [8, 10]])
})

test('one partition is in one write at a time, others go beside it', async () => {
  const gate = Promise.withResolvers<void>()
  let first = true
  const { clock, kafka, writes, storage } = await setUp({
    connector: { batchRows: 2 },
    fault: async (at) => {
      if (at === 'before' && first) {
        first = false
        await gate.promise
      }
    },
  })
  kafka.append(0, records(4, 'A'))
  kafka.append(1, records(2, 'B'))
  kafka.assign(0, 1)
  await clock.advance(100)
  expect([writes.length, [...storage.rows.keys()]]).toEqual([2, ['B0', 'B1']])
  gate.resolve()
  await clock.advance(100)
  expect(storage.rows.size).toBe(6)
})

test('a database that stays away opens the breaker: nothing is taken, lag grows, and it ends by itself', async () => {
  let away = true
  const { clock, kafka, connector, eventTypes, storage } = await setUp({
    partitions: 1,
    fault: () => {
      if (away) throw new SinkRetriableError('connection refused')
    },
  })
  kafka.append(0, records(1))
  kafka.assign(0)
  await clock.advance(1_000)
  expect(connector.snapshot()).toMatchObject({ state: 'paused', lastError: 'connection refused', lag: 1 })
  kafka.append(0, records(5, 'L'))
  await clock.advance(10_000)
  expect(connector.snapshot()).toMatchObject({ recordsRead: 1, lag: 6 })
  away = false
  await clock.advance(1_000)
  expect(connector.snapshot()).toMatchObject({ state: 'running', lag: 0 })
  expect(storage.rows.size).toBe(6)
  expect(eventTypes()).toEqual(['SINK_STARTED', 'DATABASE_AWAY', 'DATABASE_BACK'])
})

test('nothing is taken beyond the bytes that may wait', async () => {
  const gate = Promise.withResolvers<void>()
  const { clock, kafka, connector, storage } = await setUp({ partitions: 1, connector: { pendingBytes: 5, batchRows: 2 }, fault: () => gate.promise })
  for (let i = 0; i < 10; i++) kafka.append(0, records(2, `${i}-`))
  kafka.assign(0)
  await clock.advance(100)
  expect(connector.snapshot().recordsRead).toBeLessThanOrEqual(6)
  gate.resolve()
  await clock.advance(1_000)
  expect(storage.rows.size).toBe(20)
})

test('a partition that another sink claimed is let go, and claimed anew where it stays ours', async () => {
  const { clock, kafka, connector, database, storage, eventTypes } = await setUp()
  kafka.assign(0, 1)
  await clock.settle()
  await database.claim([sourceOf(0)])
  kafka.append(0, records(2, 'A'))
  kafka.append(1, records(2, 'B'))
  await clock.advance(100)
  expect([...storage.rows.keys()]).toEqual(['B0', 'B1'])
  expect(connector.snapshot().partitions.map(({ state }) => state)).toEqual(['fenced', 'active'])
  await clock.advance(5_000)
  expect([...storage.rows.keys()]).toEqual(['B0', 'B1', 'A0', 'A1'])
  expect(eventTypes()).toEqual(['SINK_STARTED', 'PARTITION_FENCED'])
})

test('a partition that moves away while its write is repeated is written no more', async () => {
  let away = true
  const { clock, kafka, storage } = await setUp({
    fault: () => {
      if (away) throw new SinkRetriableError('away')
    },
  })
  kafka.assign(0, 1)
  await clock.settle()
  kafka.append(0, records(1, 'A'))
  kafka.append(1, records(1, 'B'))
  await clock.advance(50)
  kafka.assign(1)
  away = false
  await clock.advance(2_000)
  expect([...storage.rows.keys()]).toEqual(['B0'])
})

test('a membership that is lost ends everything, a new assignment begins from the progress', async () => {
  const { clock, kafka, connector, storage } = await setUp({ partitions: 1 })
  kafka.append(0, records(2))
  kafka.assign(0)
  await clock.advance(100)
  kafka.lose()
  expect(connector.snapshot()).toMatchObject({ state: 'waiting', partitions: [] })
  kafka.append(0, records(2, 'L'))
  await clock.advance(100)
  expect(storage.rows.size).toBe(2)
  kafka.assign(0)
  await clock.advance(100)
  expect(storage.rows.size).toBe(4)
  expect(connector.snapshot().rowsStale).toBe(0)
})

test('paused, nothing is taken and lag grows, also of what is assigned meanwhile; resumed, it goes on', async () => {
  const { clock, kafka, connector, storage } = await setUp()
  kafka.append(0, records(2, 'A'))
  kafka.assign(0)
  await clock.advance(100)
  connector.pause()
  kafka.append(0, records(3, 'B'))
  kafka.append(1, records(4, 'C'))
  kafka.assign(0, 1)
  await clock.advance(10_000)
  expect([storage.rows.size, connector.hasReached({ topic: kafka.topic, partition: 0 }, 3)]).toEqual([2, false])
  expect(connector.snapshot()).toMatchObject({ state: 'running', isPaused: true, circuit: 'closed', recordsRead: 2, lag: 7 })
  connector.resume()
  await clock.advance(100)
  expect(storage.rows.size).toBe(9)
  expect(connector.snapshot()).toMatchObject({ isPaused: false, lag: 0, writeMs: { p50: expect.any(Number) } })
  expect([connector.hasReached({ topic: kafka.topic, partition: 0 }, 5), connector.hasReached({ topic: kafka.topic, partition: 0 }, 6), connector.hasReached({ topic: kafka.topic, partition: 7 }, 0)]).toEqual([true, false, undefined])
})

test('records that retention deleted first are reported, with where they were', async () => {
  const { clock, kafka, events, storage } = await setUp({ partitions: 1 })
  kafka.append(0, records(3))
  kafka.assign(0)
  await clock.advance(100)
  const log = kafka.logs.get(0)
  if (log !== undefined) Object.assign(log, { startOffset: 7, endOffset: 7 })
  kafka.append(0, records(1, 'L'))
  kafka.fail(0, 'offset-out-of-range')
  await clock.advance(100)
  expect(events.at(-1)).toMatchObject({ type: 'RECORDS_LOST', severity: 'error', data: { from: 3, to: 6 } })
  expect([...storage.rows.keys()].at(-1)).toBe('L0')
})

test('a log that ends before the progress stops the sink with the reason', async () => {
  const { clock, kafka, connector, storage } = await setUp({ partitions: 1 })
  storage.generations.set('cluster-1 topic-1', 1)
  storage.progress.set('g trade.processed-0', { generation: 1, epoch: 1, nextOffset: 50 })
  kafka.assign(0)
  await clock.settle()
  kafka.fail(0, 'offset-out-of-range')
  await clock.advance(100)
  expect((await connector.ended)?.message).toMatch(/up to offset 50, the log ends at 0/)
  expect(connector.snapshot()).toMatchObject({ state: 'failed', failure: expect.stringContaining('Kafka has lost records') })
  await kafka.left.promise
})

test('a topic made anew is claimed under its new id, from the beginning', async () => {
  const { clock, kafka, storage } = await setUp({ partitions: 1 })
  kafka.append(0, records(3))
  kafka.assign(0)
  await clock.advance(100)
  kafka.topicId = 'topic-2'
  kafka.logs.set(0, { startOffset: 0, chunks: [], endOffset: 0 })
  kafka.append(0, [{ key: 'K0', value: '99' }])
  kafka.fail(0, 'topic-recreated')
  await clock.advance(100)
  expect(storage.rows.get('K0')).toEqual({ generation: 2, offset: 0, value: '99' })
})

test('a fatal error of the database stops the sink and says why', async () => {
  const { clock, kafka, connector, eventTypes } = await setUp({
    partitions: 1,
    fault: () => {
      throw new SinkFatalError('permission denied for table trades')
    },
  })
  kafka.append(0, records(1))
  kafka.assign(0)
  await clock.advance(100)
  expect(await connector.ended).toBeInstanceOf(SinkFatalError)
  expect(connector.snapshot()).toMatchObject({ state: 'failed', failure: 'permission denied for table trades' })
  expect(eventTypes()).toEqual(['SINK_STARTED', 'SINK_FAILED'])
})

test('poison goes to the dead letters with the headers of Connect, and the rest is written', async () => {
  const { clock, kafka, connector, storage } = await setUp({ partitions: 1 })
  kafka.append(0, [{ key: 'A', value: '1' }, { key: 'B', value: 'bad' }, { key: 'C', value: undefined }])
  kafka.assign(0)
  await clock.advance(100)
  expect([...storage.rows.keys()]).toEqual(['A', 'C'])
  expect(connector.snapshot()).toMatchObject({ deadLettered: 1, lag: 0 })
  expect(kafka.produced.map(({ topic, recordCount }) => [topic, recordCount])).toEqual([['trade.dead-letter', 1]])
  expect(kafka.produced[0]?.bytes.toString('latin1')).toMatch(/B.*bad.*__connect\.errors\.topic.*trade\.processed.*__connect\.errors\.offset/s)
})

test('a dead letter that is refused itself lies where it is: there is no letter of a letter', async () => {
  const { clock, kafka, connector, storage } = await setUp({ partitions: 1, connector: { deadLetterTopic: 'trade.processed' } })
  kafka.append(0, [{ key: 'B', value: 'bad' }, { key: 'C', value: '1' }])
  kafka.assign(0)
  await clock.advance(100)
  expect([...storage.rows.keys()]).toEqual(['C'])
  expect([connector.snapshot().lag, kafka.produced]).toEqual([0, []])
})

test('an idle partition writes its progress past transaction markers after a while', async () => {
  const { clock, kafka, storage, writes } = await setUp({ partitions: 1 })
  kafka.append(0, records(1))
  kafka.assign(0)
  await clock.advance(100)
  kafka.append(0, [], 5)
  await clock.advance(30_000)
  expect(storage.progress.get('g trade.processed-0')?.nextOffset).toBe(1)
  await clock.advance(40_000)
  expect([storage.progress.get('g trade.processed-0')?.nextOffset, writes.length]).toEqual([6, 2])
})

test('closing waits for the write under way, tells the group and leaves it', async () => {
  const gate = Promise.withResolvers<void>()
  const { clock, kafka, connector, storage } = await setUp({ partitions: 1, fault: (at) => (at === 'before' ? gate.promise : undefined) })
  kafka.append(0, records(2))
  kafka.assign(0)
  await clock.advance(10)
  const closed = connector.close()
  gate.resolve()
  await closed
  expect(storage.rows.size).toBe(2)
  expect(kafka.groupCommits).toMatchObject([{ partition: 0, offset: 2 }])
  expect([connector.snapshot().state, await connector.ended]).toEqual(['closed', undefined])
})
