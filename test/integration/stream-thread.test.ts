import { Kafka, logLevel } from 'kafkajs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { ApplicationTopology } from '../../engine/application-topology.ts'
import { StreamThread } from '../../engine/stream-thread.ts'
import type { ThreadEvent } from '../../engine/stream-thread-options.ts'
import { countingTopology } from '../../engine/testing/counting.ts'
import { ModelStores } from '../../engine/testing/model-stores.ts'
import { BrokerKafkaClient } from '../../kafka/kafka-client.ts'
import { WireBroker } from '../../kafka/wire-broker.ts'
import type { FetchedChunk } from '../../ports/kafka-client.ts'
import { systemClock } from '../../ports/system-clock.ts'
import { systemRandom } from '../../ports/system-random.ts'
import { BatchBuilder } from '../../records/batch-builder.ts'
import { ByteView } from '../../records/byte-view.ts'
import { CommittedCursor } from '../../records/committed-cursor.ts'
import { LossyBroker } from '../support/lossy-broker.ts'
import { until } from '../support/until.ts'

const bootstrap = process.env['TRADEWIND_KAFKA_BROKERS']?.split(',')
const PARTITIONS = 3
const KEYS = 5

interface Running {
  readonly thread: StreamThread
  readonly lossy: LossyBroker
  readonly ended: Promise<unknown>
  readonly wire: WireBroker
  readonly client: BrokerKafkaClient
}

describe.skipIf(bootstrap === undefined)('stream threads on a real broker', () => {
  let application: ApplicationTopology
  let names: { in: string; out: string; dead: string }
  const events: ThreadEvent[] = []
  const opened: { close(): Promise<void> }[] = []
  let admin: WireBroker
  let client: BrokerKafkaClient

  beforeEach(async () => {
    const id = systemRandom.uuid()
    names = { in: `in-${id}`, out: `out-${id}`, dead: `dead-${id}` }
    application = countingTopology({ applicationId: `app-${id}`, partitions: PARTITIONS, topics: names })
    ;({ wire: admin, client } = connect())
    const topics = [...Object.values(names), `app-${id}-counts-changelog`]
    const made = await admin.createTopics(topics.map((name) => ({ name, partitions: PARTITIONS, replicationFactor: -1, configs: new Map(name.endsWith('changelog') ? [['cleanup.policy', 'compact']] : []) })))
    expect(made.map(({ errorCode }) => errorCode)).toEqual(topics.map(() => 0))
  })

  afterEach(async () => {
    await admin.deleteTopics([...application.partitionCounts.keys()])
    for (const one of opened.splice(0).reverse()) await one.close()
  })

  test('each record is counted once and in order, through lost answers, a thread that dies, one that comes back, one that leaves', async () => {
    const stores = [new ModelStores(), new ModelStores()]
    const first = start('one', stores[0])
    let second: Running | undefined
    const producer = client.producer()
    for (let round = 1; round <= 60; round++) {
      await producer.produce(Array.from({ length: PARTITIONS }, (_, partition) => batch(partition, Array.from({ length: KEYS }, (_, key) => `p${partition}k${key}`))))
      if (round === 10) second = start('two', stores[1])
      if (round % 7 === 0) first.lossy.loseNext('endTxn')
      if (round % 11 === 0) first.lossy.loseNext('produce', 'txnOffsetCommit')
      // dies without a word; its instance id and transactional ids come back
      if (round === 30) await kill(first)
      if (round === 32) start('one', new ModelStores())
      if (round === 50) second?.thread.stop('leave')
    }
    const allIsCounted = async () => {
      const committed = await client.committedOffsets(application.applicationId, partitionsOf(names.in), { requireStable: true })
      return committed.every(({ offset }) => offset === 60 * KEYS)
    }
    await until('all is counted', allIsCounted, { describe: () => events.map(({ kind, message }) => `${kind}: ${message}`).join('\n') })
    const found = await read(names.out)
    for (let partition = 0; partition < PARTITIONS; partition++) {
      for (let key = 0; key < KEYS; key++) {
        const name = `p${partition}k${key}`
        expect(found.filter((record) => record.key === name).map(({ value }) => Number(value))).toEqual(Array.from({ length: 60 }, (_, i) => i + 1))
      }
    }
    expect(await second?.ended).toBe('ended')
  }, 900_000)

  test('an input topic that grows ends the thread, which names it; what was counted stays', async () => {
    const stores = new ModelStores()
    const one = start('one', stores)
    await client.producer().produce([batch(0, ['a', 'a'])])
    await until('it is counted', async () => one.thread.snapshot().recordsCommitted === 2)
    const foreign = new Kafka({ brokers: bootstrap ?? [], logLevel: logLevel.NOTHING }).admin()
    await foreign.connect()
    await foreign.createPartitions({ topicPartitions: [{ topic: names.in, count: PARTITIONS + 2 }] })
    await foreign.disconnect()
    // Whatever its client learns of the topic, the thread sees within a second.
    await until('the brokers tell of it', async () => (await one.client.topics([names.in], { maxAgeMs: 0 })).some(({ partitions }) => partitions.length > PARTITIONS))
    expect(await one.ended).toMatchObject({ name: 'StreamThreadFatalError', message: expect.stringContaining(`input topic ${names.in} has 5 partitions now, and had 3`) })
    expect((await read(names.out)).map(({ value }) => value)).toEqual(['1', '2'])
  }, 60_000)

  function connect() {
    const wire = new WireBroker({ bootstrap: bootstrap ?? [], clientId: 'test', clock: systemClock })
    const made = new BrokerKafkaClient({ broker: wire, clock: systemClock, random: systemRandom })
    opened.push(wire, made)
    return { wire, client: made }
  }

  function start(name: string, stores: ModelStores | undefined): Running {
    const wire = new WireBroker({ bootstrap: bootstrap ?? [], clientId: name, clock: systemClock })
    const lossy = new LossyBroker(wire)
    const own = new BrokerKafkaClient({ broker: lossy.broker, clock: systemClock, random: systemRandom })
    const thread = new StreamThread({
      name: `${application.applicationId}-${name}`,
      topology: application,
      client: own,
      clock: systemClock,
      stores: stores ?? new ModelStores(),
      sessionTimeoutMs: 6_000,
      rebalanceTimeoutMs: 6_000,
      transactionTimeoutMs: 10_000,
      producers: 2,
      startAt: 'earliest',
      pace: { minIntervalMs: 10, targetRecords: 1_000, maxAgeMs: 60 },
      maxBufferedBytes: 1_000_000,
      report: (event) => events.push(event),
    })
    const ended = thread.run().then(
      () => 'ended',
      (error: unknown) => error,
    )
    opened.push(wire, own)
    opened.push({
      close: async () => {
        thread.stop('leave')
        await ended
      },
    })
    return { thread, lossy, ended, wire, client: own }
  }

  /** Nothing that it sends arrives any more; the group and the coordinator of its transactions hear nothing. */
  async function kill({ wire, thread }: Running): Promise<void> {
    await wire.close()
    thread.stop('stay')
  }

  function partitionsOf(topic: string) {
    return Array.from({ length: PARTITIONS }, (_, partition) => ({ topic, partition }))
  }

  function batch(partition: number, keys: readonly string[]) {
    const builder = new BatchBuilder({ transactional: false })
    for (const key of keys) builder.append(systemClock.now(), ByteView.of(key), ByteView.of('x'), undefined)
    return { topic: names.in, partition, bytes: builder.seal(), recordCount: keys.length }
  }

  async function read(topic: string) {
    const ends = await client.listOffsets(partitionsOf(topic), 'stable')
    const fetcher = client.fetcher({ readCommitted: true })
    const cursor = new CommittedCursor()
    const left = new Map(ends.filter(({ offset }) => offset > 0).map(({ partition, offset }) => [partition, offset]))
    for (const partition of left.keys()) fetcher.assign({ topic, partition }, { offset: 0, leaderEpoch: undefined })
    const found: { key: string; value: string }[] = []
    while (left.size > 0) {
      const taken = fetcher.take()
      if (taken === undefined) await fetcher.ready()
      else if (taken.kind === 'failure') throw new Error(taken.message)
      else readChunk(taken)
    }
    await fetcher.close()
    return found

    function readChunk(chunk: FetchedChunk): void {
      cursor.reset(chunk)
      while (cursor.next()) found.push({ key: cursor.key.toString(), value: cursor.value.toString() })
      if (chunk.nextOffset >= (left.get(chunk.partition) ?? 0)) left.delete(chunk.partition)
    }
  }
})
