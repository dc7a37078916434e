import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { Kafka, logLevel } from 'kafkajs'
import { MongoClient } from 'mongodb'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { BrokerKafkaClient } from '../../kafka/kafka-client.ts'
import { WireBroker } from '../../kafka/wire-broker.ts'
import { systemClock } from '../../ports/system-clock.ts'
import { systemRandom } from '../../ports/system-random.ts'
import { BatchBuilder } from '../../records/batch-builder.ts'
import { ByteView } from '../../records/byte-view.ts'
import { startMongoSink } from '../../sinks/mongo/mongo-sink.ts'
import { startPostgresSink } from '../../sinks/postgres/postgres-sink.ts'
import type { RunningSink } from '../../sinks/running-sink.ts'
import { tradeValue } from '../../sinks/testing/sink-records.ts'
import { createDatabase, postgresUrl, type ScratchDatabase } from './scratch-postgres.ts'

const bootstrap = process.env['TRADEWIND_KAFKA_BROKERS']?.split(',')
const mongoUrl = process.env['TRADEWIND_MONGO_URL']
const PARTITIONS = 4
/** Only ends what hangs. */
const patience = { timeout: 120_000, interval: 20 }

interface Trade {
  readonly partition: number
  readonly key: string
  readonly value: string | undefined
}

describe.skipIf(bootstrap === undefined || postgresUrl === undefined || mongoUrl === undefined)('sinks between a real broker and real databases', { timeout: 900_000 }, () => {
  let suffix: string
  let topic: string
  let deadLetterTopic: string
  let scratch: ScratchDatabase
  let wire: WireBroker
  const closing: (() => Promise<unknown>)[] = []

  beforeEach(async () => {
    suffix = randomUUID().slice(0, 8)
    topic = `processed-${suffix}`
    deadLetterTopic = `dead-letter-${suffix}`
    scratch = await createDatabase()
    wire = new WireBroker({ bootstrap: bootstrap ?? [], clientId: 'sink-test', clock: systemClock })
    await createTopics(topic, deadLetterTopic)
  })

  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close()
    await wire.close()
    await scratch.drop()
  })

  async function createTopics(...names: string[]): Promise<void> {
    const answers = await wire.createTopics(names.map((name) => ({ name, partitions: PARTITIONS, replicationFactor: 1, configs: new Map() })))
    expect(answers.map(({ errorCode }) => errorCode)).toEqual(names.map(() => 0))
  }

  /** A client of its own: sinks that share one would share its connections. */
  function client(): BrokerKafkaClient {
    const broker = new WireBroker({ bootstrap: bootstrap ?? [], clientId: 'sink-test', clock: systemClock })
    const made = new BrokerKafkaClient({ broker, clock: systemClock, random: systemRandom })
    closing.push(async () => {
      await made.close()
      await broker.close()
    })
    return made
  }

  function kept(sink: RunningSink): RunningSink {
    closing.push(() => sink.close())
    return sink
  }

  function startPostgres(failpoint?: (name: string) => void): RunningSink {
    const common = { client: client(), clock: systemClock, random: systemRandom, groupId: `pg-${suffix}`, topic, deadLetterTopic, sessionTimeoutMs: 6_000 }
    return kept(startPostgresSink({ ...common, url: scratch.url, breaker: { longestDelayMs: 500 }, ...(failpoint === undefined ? {} : { failpoint }) }))
  }

  async function produce(trades: readonly Trade[], outcome: 'commit' | 'abort' = 'commit'): Promise<void> {
    const producer = client().transactionalProducer({ transactionalId: `loader-${suffix}` })
    await producer.initialise()
    const batches = [...Map.groupBy(trades, ({ partition }) => partition)].map(([partition, records]) => {
      const builder = new BatchBuilder({ transactional: true })
      for (const { key, value } of records) builder.append(systemClock.now(), ByteView.of(key), value === undefined ? undefined : ByteView.of(value), undefined)
      return { topic, partition, bytes: builder.seal(), recordCount: records.length }
    })
    await producer.produce(batches)
    await producer.end(outcome)
  }

  const tradesOf = (count: number, version: number): Trade[] =>
    Array.from({ length: count }, (_, i) => ({ partition: i % PARTITIONS, key: `T${i}`, value: tradeValue(`T${i}`, version) }))
  const rows = async (text: string) => (await scratch.client.query(text)).rows

  test('committed trades become rows, aborted ones do not, and the group shows no lag', async () => {
    const sink = startPostgres()
    await produce(tradesOf(100, 1))
    await produce(tradesOf(100, 9), 'abort')
    await produce([{ partition: 0, key: 'T0', value: undefined }])
    await vi.waitFor(async () => expect(await rows('SELECT count(*)::int4 AS n, count(*) FILTER (WHERE deleted)::int4 AS deleted, max(version) AS v FROM trades')).toEqual([{ n: 100, deleted: 1, v: 1 }]), patience)
    await vi.waitFor(() => expect(sink.snapshot()).toMatchObject({ state: 'running', lag: 0, deadLettered: 0 }), patience)
    const admin = new Kafka({ brokers: bootstrap ?? [], logLevel: logLevel.NOTHING }).admin()
    await admin.connect()
    closing.push(() => admin.disconnect())
    await vi.waitFor(async () => {
      const [ends, [group]] = [await admin.fetchTopicOffsets(topic), await admin.fetchOffsets({ groupId: `pg-${suffix}`, topics: [topic] })]
      expect(group?.partitions.map(({ partition, offset }) => `${partition}:${offset}`).sort()).toEqual(ends.map(({ partition, high }) => `${partition}:${high}`).sort())
    }, patience)
    const { groups } = await admin.describeGroups([`pg-${suffix}`])
    expect(groups[0]).toMatchObject({ protocolType: 'consumer', state: 'Stable' })
  })

  test('a second sink takes over half of the partitions, and all of them when the first one leaves', async () => {
    const first = startPostgres()
    await vi.waitFor(() => expect(first.snapshot().partitions).toHaveLength(PARTITIONS), patience)
    const second = startPostgres()
    await vi.waitFor(() => expect([first, second].map((sink) => sink.snapshot().partitions.filter(({ state }) => state === 'active').length)).toEqual([2, 2]), patience)
    await produce(tradesOf(40, 1))
    await vi.waitFor(async () => expect(await rows('SELECT count(*)::int4 AS n FROM trades')).toEqual([{ n: 40 }]), patience)
    expect(first.snapshot().recordsRead + second.snapshot().recordsRead).toBe(40)
    await first.close()
    await produce(tradesOf(40, 2))
    await vi.waitFor(async () => expect(await rows('SELECT count(*)::int4 AS n FROM trades WHERE version = 2')).toEqual([{ n: 40 }]), patience)
    expect(await rows('SELECT count(*)::int4 AS n FROM trade_versions')).toEqual([{ n: 80 }])
  })

  test('a sink that died after a write goes on behind it, without reading anything again', async () => {
    const dies = Promise.withResolvers<void>()
    const first = startPostgres((name) => {
      if (name !== 'sink-after-write') return
      dies.resolve()
      throw new Error('killed here')
    })
    await produce(tradesOf(40, 1))
    await dies.promise
    expect((await first.ended)?.message).toBe('killed here')
    const before = await rows('SELECT count(*)::int4 AS n FROM trades')
    const second = startPostgres()
    await vi.waitFor(async () => expect(await rows('SELECT count(*)::int4 AS n FROM trades')).toEqual([{ n: 40 }]), patience)
    expect(second.snapshot()).toMatchObject({ recordsRead: 40 - before[0].n, rowsStale: 0 })
  })

  test.each([
    ['sink-before-write', 2, 1],
    ['sink-after-write', 2, 1],
    ['sink-before-dead-letter', 1, 1],
    // the letter is there, the progress is not: it comes a second time, and its headers say that it is the same record
    ['sink-dead-letter-before-progress', 1, 2],
    ['sink-before-group-commit', 1, 1],
  ])('killed at %s, its successor brings every row once (visit %d, dead letters %d)', async (place, visit, letters) => {
    const poison = { partition: 1, key: 'P1', value: tradeValue('P1', 1, { book_id: 'B'.repeat(60) }) }
    await produce([...tradesOf(300, 1), poison, ...tradesOf(300, 2)])
    const options = { brokers: bootstrap?.[0], url: scratch.url, groupId: `pg-${suffix}`, topic, deadLetterTopic }
    expect(await runSink({ ...options, place, visit }).exit).toBe('SIGKILL')
    const successor = runSink(options)
    await vi.waitFor(async () => expect(await rows('SELECT count(*)::int4 AS n, min(version) AS v FROM trades')).toEqual([{ n: 300, v: 2 }]), patience)
    expect(await rows('SELECT count(*)::int4 AS n FROM trade_versions')).toEqual([{ n: 600 }])
    const found = await readDeadLetters(letters)
    expect(found.map(({ key, headers }) => [key, headers['__connect.errors.offset']])).toEqual(Array.from({ length: letters }, () => ['P1', found[0]?.headers['__connect.errors.offset']]))
    successor.kill()
    await successor.exit
  })

  function runSink(options: Record<string, unknown>): { exit: Promise<string | number | null>; kill: () => void } {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'sink-process.ts'), JSON.stringify(options)], { stdio: ['ignore', 'ignore', 'inherit'] })
    const exit = new Promise<string | number | null>((resolve) => child.once('exit', (code, signal) => resolve(signal ?? code)))
    closing.push(async () => {
      child.kill('SIGKILL')
      await exit
    })
    return { exit, kill: () => void child.kill('SIGKILL') }
  }

  test('what the database refuses goes to the dead letters with its headers, and the rest goes on', async () => {
    const sink = startPostgres()
    const poison: Trade[] = [
      { partition: 1, key: 'P1', value: tradeValue('P1', 1, { book_id: 'B'.repeat(60) }) },
      { partition: 2, key: 'P2', value: 'no JSON' },
      { partition: 2, key: 'P3', value: tradeValue('P3', 1).replace('{', '{"big":1e200000,') },
    ]
    await produce([...tradesOf(200, 1), ...poison, ...tradesOf(200, 2)])
    await vi.waitFor(async () => expect(await rows('SELECT count(*)::int4 AS n, min(version) AS v FROM trades')).toEqual([{ n: 200, v: 2 }]), patience)
    await vi.waitFor(() => expect(sink.snapshot()).toMatchObject({ deadLettered: 3, lag: 0 }), patience)
    const letters = await readDeadLetters(3)
    expect(letters.map(({ key, value }) => `${key} ${value?.length}`).sort()).toEqual(poison.map(({ key, value }) => `${key} ${value?.length}`))
    expect(letters.find(({ key }) => key === 'P1')?.headers).toMatchObject({
      '__connect.errors.topic': topic,
      '__connect.errors.partition': '1',
      '__connect.errors.connector.name': 'postgres',
      '__connect.errors.exception.message': expect.stringContaining('too long'),
    })
  })

  test('while the database is away nothing is lost, the lag shows, and it goes on by itself', async () => {
    const sink = startPostgres()
    await produce(tradesOf(20, 1))
    await vi.waitFor(async () => expect(await rows('SELECT count(*)::int4 AS n FROM trades')).toEqual([{ n: 20 }]), patience)
    const name = new URL(scratch.url).pathname.slice(1)
    // out of the way of the observer's own connections: a role of its own would be the other way to lock the sink out
    await scratch.client.query('BEGIN; LOCK TABLE sink_progress')
    await produce(tradesOf(20, 2))
    await vi.waitFor(async () => {
      await scratch.observer.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND application_name LIKE 'tradewind%'", [name])
      expect(sink.snapshot()).toMatchObject({ state: 'paused' })
    }, patience)
    expect(sink.snapshot().lag).toBeGreaterThan(0)
    await scratch.client.query('COMMIT')
    await vi.waitFor(async () => expect(await rows('SELECT count(*)::int4 AS n FROM trades WHERE version = 2')).toEqual([{ n: 20 }]), patience)
    await vi.waitFor(() => expect(sink.snapshot()).toMatchObject({ state: 'running', lag: 0, deadLettered: 0 }), patience)
  })

  test('a topic that is made anew counts as later', async () => {
    const sink = startPostgres()
    await produce(tradesOf(20, 5))
    await vi.waitFor(async () => expect(await rows('SELECT count(*)::int4 AS n FROM trades')).toEqual([{ n: 20 }]), patience)
    await wire.deleteTopics([topic])
    await vi.waitFor(() => createTopics(topic), patience)
    await produce(tradesOf(20, 1))
    await vi.waitFor(async () => expect(await rows('SELECT version, source_generation AS g, count(*)::int4 AS n FROM trades GROUP BY 1, 2')).toEqual([{ version: 1, g: 2, n: 20 }]), patience)
    expect(sink.snapshot().failure).toBeUndefined()
  })

  test('MongoDB gets each state, each audit entry and each expiry once, whoever writes it again', async () => {
    const names = { auditTopic: `audit-${suffix}`, processedTopic: topic, expiredTopic: `expired-${suffix}` }
    await createTopics(names.auditTopic, names.expiredTopic)
    const url = new URL(mongoUrl ?? '')
    url.pathname = `/sink_${suffix}`
    url.searchParams.set('directConnection', 'true')
    const mongo = await MongoClient.connect(url.href)
    closing.push(async () => {
      await mongo.db().dropDatabase()
      await mongo.close()
    })
    await produce([...tradesOf(40, 1), { partition: 0, key: 'T0', value: undefined }])
    const options = { clock: systemClock, random: systemRandom, ...names, url: url.href }
    const count = () => mongo.db().collection('trade_history').countDocuments()
    kept(startMongoSink({ ...options, client: client(), groupId: `a-${suffix}` }))
    await vi.waitFor(async () => expect(await count()).toBe(41), patience)
    const again = kept(startMongoSink({ ...options, client: client(), groupId: `b-${suffix}` }))
    await vi.waitFor(() => expect(again.snapshot()).toMatchObject({ rowsStale: 41, rowsWritten: 0 }), patience)
    expect(await count()).toBe(41)
    expect(await mongo.db().collection('trade_events').countDocuments({ event_type: 'SINK_STARTED' })).toBeGreaterThan(0)
  })

  async function readDeadLetters(count: number): Promise<{ key: string; value: string | undefined; headers: Record<string, string> }[]> {
    const consumer = new Kafka({ brokers: bootstrap ?? [], logLevel: logLevel.NOTHING }).consumer({ groupId: `reader-${suffix}` })
    await consumer.connect()
    closing.push(() => consumer.disconnect())
    await consumer.subscribe({ topics: [deadLetterTopic], fromBeginning: true })
    const letters: { key: string; value: string | undefined; headers: Record<string, string> }[] = []
    const all = Promise.withResolvers<void>()
    await consumer.run({
      eachMessage: async ({ message }) => {
        const headers = Object.fromEntries(Object.entries(message.headers ?? {}).map(([name, value]) => [name, String(value)]))
        letters.push({ key: String(message.key), value: message.value?.toString(), headers })
        if (letters.length === count) all.resolve()
      },
    })
    await all.promise
    return letters
  }
})
