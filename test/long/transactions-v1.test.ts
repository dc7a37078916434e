import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Connection, updateFeaturesV1 } from '@platformatic/kafka'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { MixedWorkload } from '../../bench/workload/mixed-workload.ts'
import { type EmbeddedStack, startStack } from '../../dev/stack.ts'
import { BrokerKafkaClient } from '../../kafka/kafka-client.ts'
import { WireBroker } from '../../kafka/wire-broker.ts'
import type { Broker } from '../../ports/broker.ts'
import type { OutgoingBatch } from '../../ports/kafka-client.ts'
import { systemClock } from '../../ports/system-clock.ts'
import { systemRandom } from '../../ports/system-random.ts'
import { BatchBuilder } from '../../records/batch-builder.ts'
import { ByteView } from '../../records/byte-view.ts'
import { CommittedCursor } from '../../records/committed-cursor.ts'
import { brokerContract } from '../contract/broker/broker-contract.ts'
import { connectKafka } from '../contract/broker/connect-kafka.ts'
import { LossyBroker } from '../support/lossy-broker.ts'
import { brokersOfRun, TradeEnvironment } from '../support/trade-environment.ts'
import { faultsInTheEnd } from '../support/trade-records.ts'
import { until } from '../support/until.ts'

const BUSINESS_DATE = '2026-12-11'
const UPGRADE = 1 as const
const SAFE_DOWNGRADE = 2 as const

// A broker of their own, whose feature transaction.version is set lower, as in a cluster whose features nobody has raised since an upgrade.
describe.skipIf(brokersOfRun === undefined)('a cluster with transactions V1', { timeout: 300_000 }, () => {
  let stack: EmbeddedStack

  beforeAll(async () => {
    const own = { postgres: process.env['TRADEWIND_POSTGRES_URL'], mongo: process.env['TRADEWIND_MONGO_URL'] }
    stack = await startStack({ dataDir: mkdtempSync(join(tmpdir(), 'transactions-v1-')), kafkaHeapMb: 384, own })
  }, 120_000)
  afterAll(() => stack?.stop())

  describe('transaction.version 1', () => {
    beforeAll(() => setTransactionVersion(stack.brokers, 1))
    brokerContract('the broker port', () => connectKafka(stack.brokers.split(','))(), { together: ['v1', 'idempotence'], only: ['v1', 'idempotence'] })
  })

  describe.each([1, 0])('transaction.version %i', (level) => {
    const opened: { close(): Promise<void> }[] = []
    let wire: WireBroker
    let topic: string

    beforeAll(async () => {
      await setTransactionVersion(stack.brokers, level)
      wire = new WireBroker({ bootstrap: stack.brokers.split(','), clientId: 'transactions-v1-test', clock: systemClock })
      opened.push(wire)
      topic = `v1-${systemRandom.uuid()}`
      await wire.createTopics([{ name: topic, partitions: 1, replicationFactor: 1, configs: new Map() }])
      await until(`${topic} has a leader`, async () => (await wire.metadata([topic])).topics.every(({ errorCode, partitions }) => errorCode === 0 && partitions[0]?.leader !== undefined))
    })
    afterAll(async () => {
      for (const one of opened.splice(0).reverse()) await one.close()
    })

    function connect(broker: Broker = wire): BrokerKafkaClient {
      const client = new BrokerKafkaClient({ broker, clock: systemClock, random: systemRandom })
      opened.push(client)
      return client
    }

    async function producing(id: string) {
      const lossy = new LossyBroker(wire)
      const producer = connect(lossy.broker).transactionalProducer({ transactionalId: `${topic}-${id}` })
      await producer.initialise()
      const before = (await values()).length
      const group = { groupId: `${topic}-${id}`, generationId: -1, memberId: '', groupInstanceId: undefined }
      return {
        lossy,
        producer,
        produce: (...records: string[]) => producer.produce([batch(topic, records)]),
        commitOffset: (offset: number) => producer.commitOffsets([{ topic, partition: 0, offset, leaderEpoch: -1, metadata: '' }], group),
        /** Committed since. */
        committed: async () => (await values()).slice(before),
        groupOffset: async () => (await connect().committedOffsets(group.groupId, [{ topic, partition: 0 }], { requireStable: true }))[0]?.offset,
      }
    }

    async function values(): Promise<string[]> {
      return await readCommitted(connect(), topic)
    }

    test('is not taken for V2', async () => {
      const { finalised, transactionsV2 } = await wire.features()
      expect([finalised.get('transaction.version') ?? 0, transactionsV2]).toEqual([level, false])
    })

    test('what was committed is read with its offset, what was aborted is not, one transaction right behind the other', async () => {
      const { producer, produce, commitOffset, committed, groupOffset } = await producing('outcomes')
      for (const [n, outcome] of (['commit', 'abort', 'commit', 'commit', 'abort', 'commit'] as const).entries()) {
        await Promise.all([produce(`${n}`, `${n}`), commitOffset(n)])
        await producer.end(outcome)
      }
      expect(await committed()).toEqual(['0', '0', '2', '2', '3', '3', '5', '5'])
      expect(await groupOffset()).toBe(5)
    })

    test('a second producer of the same id fences the first', async () => {
      const old = await producing('twin')
      await old.produce('lost')
      const anew = await producing('twin')
      await expect(old.produce('late')).rejects.toMatchObject({ scope: 'fenced' })
      await expect(old.producer.end('commit')).rejects.toMatchObject({ scope: 'fenced' })
      await anew.produce('kept')
      await anew.producer.end('commit')
      expect(await anew.committed()).toEqual(['kept'])
    })

    test('answers that get lost: the outcome is found out, and each record is there once', async () => {
      const { lossy, producer, produce, committed } = await producing('lossy')
      for (const [value, outcome] of [['a', 'commit'], ['b', 'abort'], ['c', 'commit']] as const) {
        lossy.loseNext('addPartitionsToTxn', 'produce', 'endTxn')
        await produce(value)
        await producer.end(outcome)
      }
      expect(lossy.lost).toBe(9)
      expect(await committed()).toEqual(['a', 'c'])
    })

    test('an end that comes late does not end the next transaction', async () => {
      const { lossy, producer, produce, committed } = await producing('late-end')
      await produce('first')
      lossy.holdNext('endTxn')
      await producer.end('commit')
      await produce('second')
      // the epoch is that of the coordinator by then
      expect(await lossy.arrive()).toMatchObject([{ errorCode: 90 }])
      await producer.end('abort')
      expect(await committed()).toEqual(['first'])
    })

    test('offsets that come late do not set the group back', async () => {
      const { lossy, producer, commitOffset, groupOffset } = await producing('late-offsets')
      lossy.holdNext('txnOffsetCommit')
      await expect(commitOffset(7)).rejects.toMatchObject({ scope: 'abort' })
      await producer.initialise()
      await commitOffset(8)
      await producer.end('commit')
      await commitOffset(9)
      expect(await lossy.arrive()).toMatchObject([[{ errorCode: 47 }]])
      await producer.end('commit')
      expect(await groupOffset()).toBe(9)
    })

    test.each(['initialise', 'abort'] as const)('records of a transaction that was given up (%s) do not slip into the next one', async (how) => {
      const { lossy, producer, produce, committed } = await producing(`late-records-${how}`)
      await produce('first')
      lossy.holdNext('produce')
      const lost = expect(produce('late')).rejects.toMatchObject({ scope: 'abort' })
      await systemClock.turn()
      await (how === 'abort' ? producer.end('abort') : producer.initialise())
      await lost
      await produce('kept')
      expect(await lossy.arrive()).toMatchObject([{ partitions: [{ errorCode: 47 }] }])
      await producer.end('commit')
      expect(await committed()).toEqual(['kept'])
    })
  })

  test('a producer in the middle of its life bears an upgrade to V2, and a way back, and takes them when it is initialised anew', async () => {
    await setTransactionVersion(stack.brokers, 1)
    const wire = new WireBroker({ bootstrap: stack.brokers.split(','), clientId: 'upgrade-test', clock: systemClock })
    const topic = `upgraded-${systemRandom.uuid()}`
    await wire.createTopics([{ name: topic, partitions: 1, replicationFactor: 1, configs: new Map() }])
    const lossy = new LossyBroker(wire)
    const client = new BrokerKafkaClient({ broker: lossy.broker, clock: systemClock, random: systemRandom })
    const producer = client.transactionalProducer({ transactionalId: topic })
    await producer.initialise()
    const transaction = async (value: string) => {
      await producer.produce([batch(topic, [value])])
      await producer.end('commit')
      return lossy.ends.at(-1)
    }
    const before = await transaction('a')
    await producer.produce([batch(topic, ['b'])])
    await setTransactionVersion(stack.brokers, 2)
    await producer.end('commit')
    expect(await transaction('c')).toEqual(before)
    await producer.initialise()
    const after = await transaction('d')
    expect([before?.transactionsV2, after?.transactionsV2]).toEqual([false, true])
    expect((await transaction('e'))?.producerEpoch).toBe((after?.producerEpoch ?? 0) + 1)
    await producer.produce([batch(topic, ['f'])])
    await setTransactionVersion(stack.brokers, 1)
    await producer.end('commit')
    expect((await transaction('g'))?.transactionsV2).toBe(true)
    await producer.initialise()
    expect((await transaction('h'))?.transactionsV2).toBe(false)
    expect(await readCommitted(client, topic)).toEqual(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'])
    await client.close()
    await wire.close()
  })

  test('the trade store on it: nothing is lost, nothing is there twice, a killed processor included', async () => {
    await setTransactionVersion(stack.brokers, 1)
    const environment = await TradeEnvironment.create({ brokers: stack.brokers, settings: { 'business.date': BUSINESS_DATE, 'topics.partitions': '3' } })
    try {
      const fromMs = Date.now()
      const workload = new MixedWorkload({ seed: 34, businessDate: BUSINESS_DATE, rates: { LARGE: 0, TOO_LARGE: 0, HEAVY_HEADERS: 0 } })
      const sinks = { postgres: environment.sink('postgres'), mongo: environment.sink('mongo') }
      let processor = environment.processor()
      await environment.running(processor)
      const load = environment.generator({ workload, ratePerS: 300, durationMs: 4_000 }).run(new AbortController().signal)
      await environment.until('half of it is processed', () => (processor.status?.recordsCommitted ?? 0) > 500)
      const killed = processor
      killed.kill()
      await environment.until('it is dead', () => killed.exit !== undefined)
      processor = environment.processor()
      const { sent, acknowledged } = await load
      expect(acknowledged).toBe(sent)
      const { faults, inputs } = await faultsInTheEnd(environment, { businessDate: BUSINESS_DATE, fromMs, processor, sinks })
      expect(faults).toBe('')
      expect(inputs).toBe(sent)
    } finally {
      await environment.close()
    }
  })
})

function batch(topic: string, values: readonly string[]): OutgoingBatch {
  const builder = new BatchBuilder({ transactional: true })
  for (const value of values) builder.append(systemClock.now(), ByteView.of('key'), ByteView.of(value), undefined)
  return { topic, partition: 0, bytes: builder.seal(), recordCount: values.length }
}

/** Once nothing is open or being ended. */
async function readCommitted(client: BrokerKafkaClient, topic: string): Promise<string[]> {
  const [end] = await client.listOffsets([{ topic, partition: 0 }], 'latest')
  const fetcher = client.fetcher({ readCommitted: true })
  fetcher.assign({ topic, partition: 0 }, { offset: 0, leaderEpoch: undefined })
  const values: string[] = []
  const cursor = new CommittedCursor()
  for (let next = 0; next < (end?.offset ?? 0); ) {
    await fetcher.ready()
    const chunk = fetcher.take()
    if (!chunk) continue
    if (chunk.kind === 'failure') throw new Error(chunk.message)
    cursor.reset(chunk)
    while (cursor.next()) values.push(cursor.value.toString())
    next = chunk.nextOffset
  }
  await fetcher.close()
  return values
}

/** What `kafka-features.sh` does. Resolves when the broker has learnt it. */
async function setTransactionVersion(brokers: string, level: number): Promise<void> {
  const wire = new WireBroker({ bootstrap: brokers.split(','), clientId: 'features', clock: systemClock })
  const found = async () => (await wire.features()).finalised.get('transaction.version') ?? 0
  const before = await found()
  if (before !== level) {
    const [host = '', port] = brokers.split(':')
    const connection = new Connection('tradewind-test')
    await connection.connect(host, Number(port))
    const update = { feature: 'transaction.version', maxVersionLevel: level, upgradeType: before < level ? UPGRADE : SAFE_DOWNGRADE }
    await updateFeaturesV1.api.async(connection, 10_000, [update], false)
    await connection.close()
    await until(`transaction.version is ${level}`, async () => (await found()) === level)
  }
  await wire.close()
}
