import { Kafka, logLevel } from 'kafkajs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { WireBroker } from '../../kafka/wire-broker.ts'
import { BrokerKafkaClient } from '../../kafka/kafka-client.ts'
import type { Broker, GroupGeneration, OffsetToCommit } from '../../ports/broker.ts'
import type { FetcherOptions, GroupListener, OutgoingBatch } from '../../ports/kafka-client.ts'
import { systemClock } from '../../ports/system-clock.ts'
import { systemRandom } from '../../ports/system-random.ts'
import { BatchBuilder } from '../../records/batch-builder.ts'
import { ByteView } from '../../records/byte-view.ts'
import { CommittedCursor } from '../../records/committed-cursor.ts'
import { LossyBroker } from '../support/lossy-broker.ts'
import { until } from '../support/until.ts'

const bootstrap = process.env['TRADEWIND_KAFKA_BROKERS']?.split(',')
/** Nobody waits for the end of a session here: long enough for a machine that stands still for a while. */
const SESSION_MS = 45_000

describe.skipIf(bootstrap === undefined)('the Kafka client on a real broker', () => {
  let topic: string
  let wire: WireBroker
  let client: BrokerKafkaClient
  const opened: { close(): Promise<void> }[] = []

  beforeEach(async () => {
    topic = `client-${systemRandom.uuid()}`
    ;({ wire, client } = connect())
    await createTopic(topic)
  })

  afterEach(async () => {
    await wire.deleteTopics([topic])
    for (const one of opened.splice(0).reverse()) await one.close()
  })

  test('what was committed is read, what was aborted is not, and sequences go on after an abort', async () => {
    const producer = await transactional()
    for (const [values, outcome] of [
      [['a', 'b'], 'commit'],
      [['c'], 'abort'],
      [['d'], 'commit'],
      [['e'], 'abort'],
      [['f'], 'commit'],
    ] as const) {
      await producer.produce([batch(0, values), batch(1, values)])
      await producer.end(outcome)
    }
    expect(await readAll({ readCommitted: true })).toEqual({ 0: 'abdf', 1: 'abdf' })
    expect(await readAll({ readCommitted: false })).toEqual({ 0: 'abcdef', 1: 'abcdef' })
  })

  test('base offsets are those in the log, several batches of a partition in order', async () => {
    const producer = await transactional()
    expect(await producer.produce([batch(0, ['a', 'b']), batch(1, ['x']), batch(0, ['c']), batch(0, ['d'])])).toEqual([0, 0, 2, 3])
    await producer.end('commit')
    // the marker of the first transaction stands at 4
    expect(await producer.produce([batch(0, ['e'])])).toEqual([5])
    await producer.end('commit')
    expect(await readAll({ readCommitted: true })).toEqual({ 0: 'abcde', 1: 'x' })
  })

  test('a producer that comes back fences the one before and aborts what it left open', async () => {
    const before = await transactional('same')
    await before.produce([batch(0, ['lost'])])
    const after = await transactional('same')
    await expect(before.end('commit')).rejects.toMatchObject({ scope: 'fenced' })
    await expect(before.produce([batch(0, ['lost'])])).rejects.toMatchObject({ scope: 'fenced' })
    await after.produce([batch(0, ['kept'])])
    await after.end('commit')
    expect(await readAll({ readCommitted: true })).toEqual({ 0: 'kept', 1: '' })
    await before.initialise()
    await before.produce([batch(1, ['back'])])
    await before.end('commit')
    expect(await readAll({ readCommitted: true })).toEqual({ 0: 'kept', 1: 'back' })
  })

  test('a transaction that another client aborted is not seen', async () => {
    const foreign = new Kafka({ brokers: bootstrap ?? [], clientId: 'foreign', logLevel: logLevel.NOTHING }).producer({
      transactionalId: `${topic}-foreign`,
      maxInFlightRequests: 1,
      idempotent: true,
    })
    await foreign.connect()
    opened.push({ close: () => foreign.disconnect() })
    for (const outcome of ['abort', 'commit'] as const) {
      const transaction = await foreign.transaction()
      await transaction.send({ topic, messages: [{ partition: 0, value: outcome }] })
      await transaction[outcome]()
    }
    expect(await readAll({ readCommitted: true })).toEqual({ 0: 'commit', 1: '' })
  })

  test('the answers to EndTxn and Produce are lost: everything is there, once', async () => {
    const lossy = new LossyBroker(wire)
    const { producer, groupId } = { producer: await transactional('lossy', lossy.broker), groupId: `${topic}-group` }
    for (const value of ['a', 'b', 'c']) {
      lossy.loseNext('produce', 'endTxn')
      const [[baseOffset]] = await Promise.all([
        producer.produce([batch(0, [value])]),
        producer.commitOffsets([offsetOf(value.charCodeAt(0))], unfenced(groupId)),
      ])
      expect(baseOffset).toBe('abc'.indexOf(value) * 2)
      await producer.end('commit')
    }
    expect(lossy.lost).toBe(6)
    expect(await readAll({ readCommitted: true })).toEqual({ 0: 'abc', 1: '' })
    expect(await client.committedOffsets(groupId, [{ topic, partition: 0 }], { requireStable: true })).toMatchObject([{ topic, partition: 0, offset: 'c'.charCodeAt(0) }])
  })

  test('the answer to TxnOffsetCommit is lost: the transaction is aborted, and the same again in the next one is there, once', async () => {
    const lossy = new LossyBroker(wire)
    const { producer, groupId } = { producer: await transactional('lossy-offsets', lossy.broker), groupId: `${topic}-group` }
    const send = () => Promise.all([producer.produce([batch(0, ['a'])]), producer.commitOffsets([offsetOf(7)], unfenced(groupId))])
    lossy.loseNext('txnOffsetCommit')
    await expect(send()).rejects.toMatchObject({ scope: 'abort' })
    await producer.initialise()
    await send()
    await producer.end('commit')
    expect(await readAll({ readCommitted: true })).toEqual({ 0: 'a', 1: '' })
    expect(await client.committedOffsets(groupId, [{ topic, partition: 0 }], { requireStable: true })).toMatchObject([{ topic, partition: 0, offset: 7 }])
  })

  test('EndTxn twice: the same outcome again is success with the same epoch, the other one is refused', async () => {
    const spied = new LossyBroker(wire)
    const producer = await transactional('twice', spied.broker)
    const { node } = await wire.findCoordinator('transaction', producer.transactionalId)
    for (const outcome of ['commit', 'abort'] as const) {
      await producer.produce([batch(0, [outcome])])
      await producer.end(outcome)
      const sent = spied.ends.at(-1)
      if (!sent) throw new Error('no EndTxn was sent')
      const again = (committed: boolean) => untilNotConcurrent(() => wire.endTxn(node, { ...sent, committed }))
      expect(await again(outcome === 'commit')).toEqual({ errorCode: 0, producerId: sent.producerId, producerEpoch: sent.producerEpoch + 1 })
      expect(await again(outcome !== 'commit')).toMatchObject({ errorCode: 48 })
    }
  })

  test('two producers that take turns: order in the log, and the offset of the group is that of the last', async () => {
    const producers = [await transactional('a'), await transactional('b')]
    const groupId = `${topic}-group`
    let ended = Promise.resolve()
    for (let n = 0; n < 20; n++) {
      const producer = producers[n % 2]
      await Promise.all([producer?.produce([batch(0, [String.fromCharCode(97 + n)])]), producer?.commitOffsets([offsetOf(n)], unfenced(groupId))])
      await ended
      ended = producer?.end('commit') ?? ended
    }
    await ended
    expect(await readAll({ readCommitted: true })).toEqual({ 0: 'abcdefghijklmnopqrst', 1: '' })
    expect(await client.committedOffsets(groupId, [{ topic, partition: 0 }], { requireStable: true })).toMatchObject([{ offset: 19 }])
  })

  test('offsets of an open transaction are waited for', async () => {
    const producer = await transactional()
    const groupId = `${topic}-group`
    await producer.commitOffsets([offsetOf(7)], unfenced(groupId))
    const found = client.committedOffsets(groupId, [{ topic, partition: 0 }], { requireStable: true })
    expect(await client.committedOffsets(groupId, [{ topic, partition: 0 }], { requireStable: false })).toMatchObject([{ offset: undefined }])
    await producer.end('commit')
    expect(await found).toMatchObject([{ offset: 7 }])
  })

  test('a zombie commits no offsets: neither under an old generation, nor as a member that was replaced', async () => {
    const groupId = `${topic}-group`
    const zombie = await member(groupId, 'i1')
    const old = await zombie.assigned()
    const producer = await transactional()
    await zombie.member.close()
    // the same instance comes back: a new member id in the same place
    const back = await member(groupId, 'i1')
    const current = await back.assigned()
    await expect(producer.commitOffsets([offsetOf(1)], old)).rejects.toMatchObject({ code: 82 })
    await producer.commitOffsets([offsetOf(2)], current)
    back.member.rejoin('a new generation')
    const next = await back.assigned()
    expect(next.generationId).toBe(current.generationId + 1)
    await expect(producer.commitOffsets([offsetOf(3)], current)).rejects.toMatchObject({ scope: 'generation' })
    await expect(producer.commitOffsets([offsetOf(3)], { ...next, memberId: 'nobody', groupInstanceId: undefined })).rejects.toMatchObject({ scope: 'member' })
    await producer.commitOffsets([offsetOf(4)], next)
    await producer.end('commit')
    expect(await client.committedOffsets(groupId, [{ topic, partition: 0 }], { requireStable: true })).toMatchObject([{ offset: 4 }])
  })

  test('a static member that was killed is back at once, and nobody else notices', async () => {
    const groupId = `${topic}-group`
    const first = await member(groupId, 'i1')
    await first.assigned()
    const second = await member(groupId, 'i2')
    const before = await second.assigned()
    await first.assigned()
    const told = first.told.length
    await second.member.close()
    const back = await member(groupId, 'i2')
    const after = await back.assigned()
    // the place of the dead one, in the same generation: had its session been waited for, there would be another
    expect(after.generationId).toBe(before.generationId)
    expect(after.memberId).not.toBe(before.memberId)
    await first.member.commitOffsets([offsetOf(3)])
    expect(first.told).toHaveLength(told)
  })

  test('two members share, one leaves, the other has all', async () => {
    const groupId = `${topic}-group`
    const first = await member(groupId, 'i1')
    await first.assigned()
    expect(first.told).toEqual(['1 of 1'])
    const second = await member(groupId, undefined)
    await second.assigned()
    await first.assigned()
    expect([first.told.at(-1), second.told.at(-1)].sort()).toEqual(['1 of 2', '2 of 2'])
    await second.member.leave()
    await first.assigned()
    expect(first.told.at(-1)).toBe('1 of 1')
  })

  test('a twin of an instance is told from a restart: the second one that is thrown out gives way', async () => {
    const groupId = `${topic}-group`
    const one = await member(groupId, 'i1')
    await one.assigned()
    const twin = await member(groupId, 'i1')
    await twin.assigned()
    const failure = await Promise.race([one.failed, twin.failed])
    expect(failure.message).toContain('a twin of this process is running')
    expect([one.member.state, twin.member.state].filter((state) => state === 'failed')).toHaveLength(1)
  })

  test('a batch larger than a fetch may be still comes, and positions pass markers', async () => {
    const producer = await transactional()
    await producer.produce([batch(0, ['x'.repeat(300_000)]), batch(1, ['y'.repeat(300_000)])])
    await producer.end('commit')
    await producer.produce([batch(0, ['z'])])
    await producer.end('commit')
    const read = await readAll({ readCommitted: true, maxPartitionBytes: 1_000, maxBytes: 10_000 })
    expect([read[0]?.length, read[1]?.length]).toEqual([300_001, 300_000])
    const [end] = await client.listOffsets([{ topic, partition: 0 }], 'stable')
    expect(end?.offset).toBe(4)
  })

  test('a position outside of the log, and a topic made anew, are told', async () => {
    const fetcher = client.fetcher({ readCommitted: true })
    fetcher.assign({ topic, partition: 0 }, { offset: 99, leaderEpoch: undefined })
    fetcher.assign({ topic, partition: 1 }, { offset: 0, leaderEpoch: 0 })
    await fetcher.ready()
    expect(fetcher.take()).toMatchObject({ kind: 'failure', reason: 'offset-out-of-range', partition: 0 })
    await wire.deleteTopics([topic])
    await createTopic(topic)
    await fetcher.ready()
    expect(fetcher.take()).toMatchObject({ kind: 'failure', reason: 'topic-recreated', partition: 1 })
    await fetcher.close()
  })

  test('an idempotent producer is acknowledged once, whatever answers are lost', async () => {
    const lossy = new LossyBroker(wire)
    const producer = open(new BrokerKafkaClient({ broker: lossy.broker, clock: systemClock, random: systemRandom })).producer()
    for (const value of ['a', 'b', 'c']) {
      lossy.loseNext('produce')
      expect(await producer.produce([batch(0, [value], false)])).toEqual(['abc'.indexOf(value) as number])
    }
    expect(lossy.lost).toBe(3)
    expect(await readAll({ readCommitted: true })).toEqual({ 0: 'abc', 1: '' })
  })

  function connect() {
    const broker = open(new WireBroker({ bootstrap: bootstrap ?? [], clientId: 'kafka-client-test', clock: systemClock }))
    return { wire: broker, client: open(new BrokerKafkaClient({ broker, clock: systemClock, random: systemRandom })) }
  }

  function open<One extends { close(): Promise<void> }>(one: One): One {
    opened.push(one)
    return one
  }

  async function createTopic(name: string): Promise<void> {
    // a topic that was deleted just now may still be in the way
    await until(`${name} is made`, async () => {
      const [created] = await wire.createTopics([{ name, partitions: 2, replicationFactor: 1, configs: new Map() }])
      if (created?.errorCode !== 0 && created?.errorCode !== 36) throw new Error(`topic ${name}: error ${created?.errorCode}`)
      return created.errorCode === 0
    })
    // the broker learns from the controller what that has made: the coordinator of a group would not know the topic yet
    await until(`${name} has leaders`, async () => (await wire.metadata([name])).topics.every(({ errorCode, partitions }) => errorCode === 0 && partitions.every(({ leader }) => leader !== undefined)))
  }

  async function transactional(id = 'p', broker: Broker = wire) {
    const own = broker === wire ? client : open(new BrokerKafkaClient({ broker, clock: systemClock, random: systemRandom }))
    const producer = own.transactionalProducer({ transactionalId: `${topic}-${id}` })
    await producer.initialise()
    return producer
  }

  function batch(partition: number, values: readonly string[], inTransaction = true): OutgoingBatch {
    const builder = new BatchBuilder({ transactional: inTransaction })
    for (const value of values) builder.append(systemClock.now(), ByteView.of('key'), ByteView.of(value), undefined)
    return { topic, partition, bytes: builder.seal(), recordCount: values.length }
  }

  function offsetOf(offset: number): OffsetToCommit {
    return { topic, partition: 0, offset, leaderEpoch: -1, metadata: '' }
  }

  /** The values of each partition from its beginning to its end, one behind the other. */
  async function readAll(options: FetcherOptions): Promise<Record<number, string>> {
    const partitions = [0, 1].map((partition) => ({ topic, partition }))
    // markers are written after EndTxn has answered: the end is the high watermark, and reading waits for the last stable offset to get there
    const ends = await client.listOffsets(partitions, 'latest')
    const fetcher = client.fetcher(options)
    const left = new Map<number, number>()
    for (const { partition, offset } of ends) {
      if (offset > 0) left.set(partition, offset)
      fetcher.assign({ topic, partition }, { offset: 0, leaderEpoch: undefined })
    }
    const values: Record<number, string> = { 0: '', 1: '' }
    const cursor = new CommittedCursor()
    while (left.size > 0) {
      await fetcher.ready()
      const chunk = fetcher.take()
      if (!chunk) continue
      if (chunk.kind === 'failure') throw new Error(chunk.message)
      cursor.reset(chunk, options.readCommitted)
      while (cursor.next()) values[chunk.partition] += cursor.value.toString()
      expect(cursor.nextOffset).toBe(chunk.nextOffset)
      if (chunk.nextOffset >= (left.get(chunk.partition) ?? 0)) left.delete(chunk.partition)
    }
    await fetcher.close()
    return values
  }

  async function member(groupId: string, groupInstanceId: string | undefined) {
    // each member is a process of its own
    const own = connect().client
    const told: string[] = []
    const waiting: ((generation: GroupGeneration) => void)[] = []
    const arrived: GroupGeneration[] = []
    const failed = Promise.withResolvers<Error>()
    const listener: GroupListener = {
      subscription: () => Buffer.from('all'),
      assign: (members) => new Map(members.map(({ memberId }, i) => [memberId, Buffer.from(`${i + 1} of ${members.length}`)])),
      assigned: (assignment, generation) => {
        told.push(assignment.toString())
        const waiter = waiting.shift()
        if (waiter) waiter(generation)
        else arrived.push(generation)
      },
      lost: () => told.push('lost'),
      failed: failed.resolve,
    }
    const started = own.groupMember({
      groupId,
      groupInstanceId,
      protocolType: 'consumer',
      protocolName: 'test',
      sessionTimeoutMs: SESSION_MS,
      rebalanceTimeoutMs: SESSION_MS,
      heartbeatIntervalMs: 100,
      listener,
    })
    started.start()
    const assigned = () => {
      const generation = arrived.shift()
      return generation ? Promise.resolve(generation) : new Promise<GroupGeneration>((resolve) => waiting.push(resolve))
    }
    return { member: started, told, assigned, failed: failed.promise }
  }
})

function unfenced(groupId: string): GroupGeneration {
  return { groupId, generationId: -1, memberId: '', groupInstanceId: undefined }
}

async function untilNotConcurrent<Answer extends { errorCode: number }>(ask: () => Promise<Answer>): Promise<Answer> {
  for (;;) {
    const answer = await ask()
    if (answer.errorCode !== 51) return answer
  }
}
