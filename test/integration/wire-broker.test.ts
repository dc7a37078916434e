import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WireBroker } from '../../kafka/wire-broker.ts'
import type { FetchPartition, FetchRequest, JoinGroupRequest } from '../../ports/broker.ts'
import { ConnectionLostError, LATEST_TIMESTAMP } from '../../ports/broker.ts'
import { systemClock } from '../../ports/system-clock.ts'
import { BatchBuilder } from '../../records/batch-builder.ts'
import { ByteView } from '../../records/byte-view.ts'
import { CommittedCursor } from '../../records/committed-cursor.ts'
import { batchSize, stampBatch, verifyBatch } from '../../records/record-batch.ts'

const bootstrap = process.env['TRADEWIND_KAFKA_BROKERS']?.split(',')
/** Records of 1970 would make the broker roll segments and delete them. */
const NOW = Date.now()
const NO_PRODUCER = { producerId: -1, producerEpoch: -1, baseSequence: -1 }

describe.skipIf(bootstrap === undefined)('WireBroker on a Kafka broker', () => {
  const run = randomUUID().slice(0, 8)
  const addresses = bootstrap ?? []
  let broker: WireBroker
  beforeAll(() => {
    broker = new WireBroker({ bootstrap: addresses, clientId: 'wire-broker-test', clock: systemClock })
  })
  afterAll(() => broker.close())

  /** A topic of its own for a test. */
  async function newTopic(name: string, partitions = 1, configs: Record<string, string> = {}) {
    const topic = `${name}-${run}`
    await broker.createTopics([{ name: topic, partitions, replicationFactor: 1, configs: new Map(Object.entries(configs)) }])
    // brokers learn of a topic one after the other, and the leader becomes it a moment after it is known to be
    const { topics } = await until(
      () => broker.metadata([topic]),
      ({ topics: [made] }) => made?.errorCode === 0 && made.partitions.every(({ leader }) => leader !== undefined),
    )
    const [made] = topics
    const leader = made?.partitions[0]?.leader ?? -1
    const asked = Array.from({ length: partitions }, (_, partition) => ({ topic, partition, timestamp: LATEST_TIMESTAMP, currentLeaderEpoch: -1 }))
    await until(
      () => broker.listOffsets(leader, { readCommitted: false, partitions: asked }),
      (offsets) => offsets.every(succeeded),
    )
    return { topic, topicId: made?.topicId ?? '', leader, leaderEpoch: made?.partitions[0]?.leaderEpoch ?? -1 }
  }

  const coordinator = async (type: 'group' | 'transaction', key: string) => (await until(() => broker.findCoordinator(type, key), succeeded)).node

  test('the cluster has transactions V2', async () => {
    const { finalised, transactionsV2 } = await broker.features()
    expect(finalised.get('transaction.version')).toBe(2)
    expect(transactionsV2).toBe(true)
  })

  test('topics are created, described and deleted, and errors are codes in the answers', async () => {
    const { topic, topicId } = await newTopic('described', 3, { 'cleanup.policy': 'compact' })
    const again = await broker.createTopics([{ name: topic, partitions: 1, replicationFactor: 1, configs: new Map() }])
    expect(again).toEqual([{ name: topic, errorCode: 36, errorMessage: expect.stringContaining('already exists') }])

    const [configs] = await broker.describeTopicConfigs([topic])
    expect(configs?.configs.get('cleanup.policy')).toBe('compact')
    expect(configs?.configs.get('segment.bytes')).toMatch(/^\d+$/)

    const { topics, nodes } = await broker.metadata([topic, `missing-${run}`])
    const found = topics.find(({ name }) => name === topic)
    expect(found?.partitions.map(({ partition }) => partition).sort()).toEqual([0, 1, 2])
    expect(topicId).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
    expect(topics.find(({ name }) => name === `missing-${run}`)?.errorCode).toBe(3)
    expect(nodes.map(({ node }) => node)).toContain(found?.partitions[0]?.leader)

    // the answers come in any order
    const deleted = await broker.deleteTopics([topic, `missing-${run}`])
    expect(new Map(deleted.map(({ name, errorCode }) => [name, errorCode]))).toEqual(
      new Map([
        [topic, 0],
        [`missing-${run}`, 3],
      ]),
    )
  })

  test('what is produced, in parts that are not copied, is fetched back', async () => {
    const { topic, topicId, leader, leaderEpoch } = await newTopic('round-trip', 2)
    const bytes = sealed({ values: ['one', 'two', 'three'] })
    const records = [bytes.subarray(0, 61), bytes.subarray(61, 70), bytes.subarray(70)]
    const request = { transactionalId: undefined, transactionsV2: true, timeoutMs: 5_000 }
    const { partitions } = await broker.produce(leader, 'lane', {
      ...request,
      partitions: [
        { topic, partition: 1, records },
        { topic, partition: 7, records: [bytes] },
      ],
    })
    expect(partitions).toEqual([
      { topic, partition: 1, errorCode: 0, errorMessage: undefined, baseOffset: 0, logStartOffset: 0, recordErrors: [] },
      expect.objectContaining({ topic, partition: 7, errorCode: 3, baseOffset: -1 }),
    ])

    const at = { topic, topicId, currentLeaderEpoch: leaderEpoch, lastFetchedEpoch: -1, maxBytes: 1_000_000 }
    const answer = await broker.fetch(
      leader,
      fetchOf([
        { ...at, partition: 1, fetchOffset: 1 },
        { ...at, partition: 0, fetchOffset: 0 },
      ]),
    )
    expect(answer.errorCode).toBe(0)
    const [one, none] = answer.partitions
    expect(one).toMatchObject({
      topic,
      partition: 1,
      errorCode: 0,
      highWatermark: 3,
      lastStableOffset: 3,
      logStartOffset: 0,
      abortedTransactions: [],
      divergingEpoch: undefined,
    })
    expect(valuesIn(answer.partitions, 1)).toEqual(['two', 'three'])
    expect(none).toMatchObject({ partition: 0, errorCode: 0, highWatermark: 0 })

    const beyond = await broker.fetch(leader, fetchOf([{ ...at, partition: 1, fetchOffset: 99 }]))
    expect(beyond.partitions[0]?.errorCode).toBe(1)
    const stale = await broker.fetch(leader, fetchOf([{ ...at, partition: 1, fetchOffset: 0, currentLeaderEpoch: leaderEpoch + 1 }]))
    expect(stale.partitions[0]?.errorCode).toBe(75)
  })

  test('offsets are looked up by time and by epoch, and records deleted', async () => {
    const { topic, leader, leaderEpoch } = await newTopic('offsets')
    const records = [sealed({ values: ['a', 'b', 'c'], firstTimestamp: NOW })]
    await broker.produce(leader, 'lane', { transactionalId: undefined, transactionsV2: true, timeoutMs: 5_000, partitions: [{ topic, partition: 0, records }] })
    const ask = (timestamp: number) =>
      broker.listOffsets(leader, { readCommitted: true, partitions: [{ topic, partition: 0, timestamp, currentLeaderEpoch: -1 }] })
    expect(await ask(LATEST_TIMESTAMP)).toEqual([{ topic, partition: 0, errorCode: 0, timestamp: -1, offset: 3, leaderEpoch }])
    expect(await ask(NOW + 1)).toEqual([{ topic, partition: 0, errorCode: 0, timestamp: NOW + 1, offset: 1, leaderEpoch }])
    expect(await broker.offsetForLeaderEpoch(leader, [{ topic, partition: 0, leaderEpoch, currentLeaderEpoch: -1 }])).toEqual([
      { topic, partition: 0, errorCode: 0, leaderEpoch, endOffset: 3 },
    ])
    expect(await broker.deleteRecords(leader, [{ topic, partition: 0, offset: 2 }])).toEqual([{ topic, partition: 0, errorCode: 0, lowWatermark: 2 }])
    const missing = await broker.deleteRecords(leader, [{ topic, partition: 4, offset: 2 }])
    expect(missing).toEqual([expect.objectContaining({ topic, partition: 4, errorCode: 3 })])
  })

  test('a refused record is named by its index', async () => {
    const { topic, leader } = await newTopic('compacted', 1, { 'cleanup.policy': 'compact' })
    const builder = new BatchBuilder({ transactional: false })
    builder.append(NOW, view('key'), view('fine'), undefined)
    builder.append(NOW, undefined, view('a compacted topic takes no record without a key'), undefined)
    const request = {
      transactionalId: undefined,
      transactionsV2: true,
      timeoutMs: 5_000,
      partitions: [{ topic, partition: 0, records: [builder.sealPlain()] }],
    }
    const { partitions } = await broker.produce(leader, 'lane', request)
    expect(partitions).toEqual([
      expect.objectContaining({ errorCode: 87, recordErrors: [{ index: 1, message: expect.any(String) }], errorMessage: expect.any(String) }),
    ])
  })

  test('an answer of many socket reads arrives whole', async () => {
    const { topic, topicId, leader } = await newTopic('large')
    const batches = 8
    for (let i = 0; i < batches; i++) {
      const records = [sealed({ values: Array.from({ length: 800 }, (_, n) => `${i}-${n}-`.padEnd(1_000, 'x')) })]
      await broker.produce(leader, 'lane', {
        transactionalId: undefined,
        transactionsV2: true,
        timeoutMs: 5_000,
        partitions: [{ topic, partition: 0, records }],
      })
    }
    const answer = await broker.fetch(
      leader,
      fetchOf([{ topic, topicId, partition: 0, fetchOffset: 0, currentLeaderEpoch: -1, lastFetchedEpoch: -1, maxBytes: 10_000_000 }]),
    )
    const [fetched] = answer.partitions
    let intact = 0
    for (let at = fetched?.start ?? 0; fetched && at < fetched.end; at += batchSize(fetched.buffer, at)) intact += verifyBatch(fetched.buffer, at) ? 1 : 0
    expect(intact).toBe(batches)
    expect(valuesIn(answer.partitions)).toHaveLength(batches * 800)
  })

  test('transactions V2: what is aborted is listed, offsets become visible with the commit, each end brings a new epoch', async () => {
    const { topic, topicId, leader } = await newTopic('transactional')
    const transactionalId = `transactional-${run}`
    const groupId = `transactional-${run}`
    const node = await coordinator('transaction', transactionalId)
    const groupNode = await coordinator('group', groupId)
    const init = () => broker.initProducerId(node, { transactionalId, transactionTimeoutMs: 10_000, producerId: -1, producerEpoch: -1 })
    const { producerId, producerEpoch } = await until(init, succeeded)

    const transaction = async (values: string[], epoch: number, committed: boolean) => {
      const records = [sealed({ values, transactional: true, producerId, producerEpoch: epoch, baseSequence: 0 })]
      const request = { transactionalId, transactionsV2: true, timeoutMs: 5_000, partitions: [{ topic, partition: 0, records }] }
      // markers of the transaction before may still be on their way (51)
      const { partitions } = await until(
        () => broker.produce(leader, 'lane', request),
        ({ partitions: [produced] }) => produced?.errorCode === 0,
      )
      const offsets = [{ topic, partition: 0, offset: 42, leaderEpoch: -1, metadata: 'note' }]
      const member = { groupId, generationId: -1, memberId: '', groupInstanceId: undefined }
      const commit = () =>
        broker.txnOffsetCommit(groupNode, 'lane', { ...member, transactionalId, transactionsV2: true, producerId, producerEpoch: epoch, offsets })
      expect(await until(commit, ([answer]) => answer?.errorCode === 0)).toEqual([{ topic, partition: 0, errorCode: 0 }])
      const open = await broker.offsetFetch(groupNode, { groupId, partitions: [{ topic, partition: 0 }], requireStable: true })
      expect(open.offsets[0]?.errorCode).toBe(88)
      const end = await until(() => broker.endTxn(node, { transactionalId, producerId, producerEpoch: epoch, committed }), succeeded)
      return { baseOffset: partitions[0]?.baseOffset, ...end }
    }
    const aborted = await transaction(['lost', 'too'], producerEpoch, false)
    expect(aborted).toEqual({ baseOffset: 0, errorCode: 0, producerId, producerEpoch: producerEpoch + 1 })
    const none = await until(
      () => broker.offsetFetch(groupNode, { groupId, partitions: undefined, requireStable: true }),
      ({ offsets }) => offsets.every(({ errorCode }) => errorCode === 0),
    )
    expect(none).toEqual({ errorCode: 0, offsets: [] })
    const committed = await transaction(['kept'], aborted.producerEpoch, true)
    expect(committed).toMatchObject({ errorCode: 0, producerEpoch: producerEpoch + 2 })

    const stable = () =>
      broker.offsetFetch(groupNode, {
        groupId,
        partitions: [
          { topic, partition: 0 },
          { topic, partition: 1 },
        ],
        requireStable: true,
      })
    expect(await until(stable, ({ offsets }) => offsets.every(({ errorCode }) => errorCode === 0))).toEqual({
      errorCode: 0,
      offsets: [
        { topic, partition: 0, errorCode: 0, offset: 42, leaderEpoch: -1, metadata: 'note' },
        { topic, partition: 1, errorCode: 0, offset: undefined, leaderEpoch: -1, metadata: '' },
      ],
    })
    const request = {
      ...fetchOf([{ topic, topicId, partition: 0, fetchOffset: 0, currentLeaderEpoch: -1, lastFetchedEpoch: -1, maxBytes: 1_000_000 }]),
      readCommitted: true,
    }
    const { partitions } = await until(
      () => broker.fetch(leader, request),
      (answer) => valuesIn(answer.partitions).length > 0,
    )
    expect(partitions[0]?.lastStableOffset).toBe(5)
    expect(partitions[0]?.abortedTransactions).toEqual([{ producerId, firstOffset: 0 }])
    expect(valuesIn(partitions)).toEqual(['kept'])

    // an older epoch than the current one: fenced; before that 51, as long as the last transaction is being completed
    const late = await until(
      () => broker.endTxn(node, { transactionalId, producerId, producerEpoch, committed: true }),
      ({ errorCode }) => errorCode !== 51,
    )
    expect([47, 90]).toContain(late.errorCode)
  })

  test('two members of one client join, sync, heartbeat, commit and leave', async () => {
    const { topic } = await newTopic('grouped', 2)
    const groupId = `group-${run}`
    const node = await coordinator('group', groupId)
    const join = (memberId: string, instance: string): Promise<Awaited<ReturnType<typeof broker.joinGroup>>> =>
      broker.joinGroup(node, joinOf({ groupId, memberId, groupInstanceId: instance }))
    const first = await until(() => join('', 'a'), succeeded)
    expect(first).toMatchObject({ errorCode: 0, leader: first.memberId, protocolName: 'plain', skipAssignment: false })
    const member = { groupId, groupInstanceId: 'a' }
    const solo = { ...member, generationId: first.generationId, memberId: first.memberId, protocolType: 'test', protocolName: 'plain' }
    const synced = await broker.syncGroup(node, { ...solo, assignments: [{ memberId: first.memberId, assignment: Buffer.from('all of it') }] })
    expect(synced.errorCode).toBe(0)
    expect(synced.assignment.toString()).toBe('all of it')
    expect(await broker.heartbeat(node, { ...member, generationId: first.generationId, memberId: first.memberId })).toEqual({ errorCode: 0 })

    // the broker holds the second JoinGroup until the first member has joined again: they must not wait for each other on one connection
    const second = join('', 'b')
    await until(
      () => broker.heartbeat(node, { ...member, generationId: first.generationId, memberId: first.memberId }),
      ({ errorCode }) => errorCode === 27,
    )
    const leader = await join(first.memberId, 'a')
    const follower = await second
    expect(follower).toMatchObject({ errorCode: 0, generationId: leader.generationId, leader: first.memberId, members: [] })
    expect(leader.members.map(({ groupInstanceId, metadata }) => `${groupInstanceId} ${metadata}`).sort()).toEqual(['a subscription', 'b subscription'])

    const generation = { generationId: leader.generationId, groupId, protocolType: 'test', protocolName: 'plain' }
    const following = broker.syncGroup(node, { ...generation, memberId: follower.memberId, groupInstanceId: 'b', assignments: [] })
    await broker.syncGroup(node, {
      ...generation,
      memberId: leader.memberId,
      groupInstanceId: 'a',
      assignments: [{ memberId: follower.memberId, assignment: Buffer.from('b') }],
    })
    expect((await following).assignment.toString()).toBe('b')

    const commit = {
      ...generation,
      memberId: follower.memberId,
      groupInstanceId: 'b',
      offsets: [{ topic, partition: 1, offset: 7, leaderEpoch: 0, metadata: '' }],
    }
    expect(await broker.offsetCommit(node, commit)).toEqual([{ topic, partition: 1, errorCode: 0 }])
    expect(await broker.offsetCommit(node, { ...commit, generationId: 99 })).toEqual([{ topic, partition: 1, errorCode: 22 }])
    const committed = await broker.offsetFetch(node, { groupId, partitions: undefined, requireStable: true })
    expect(committed.offsets).toEqual([{ topic, partition: 1, errorCode: 0, offset: 7, leaderEpoch: 0, metadata: '' }])

    const [described] = await broker.describeGroups(node, [groupId])
    expect(described).toMatchObject({ groupId, errorCode: 0, state: 'Stable', protocolType: 'test', protocolName: 'plain' })
    expect(described?.members.map(({ clientId, groupInstanceId }) => `${clientId} ${groupInstanceId}`).sort()).toEqual([
      'wire-broker-test a',
      'wire-broker-test b',
    ])
    expect(await broker.deleteGroups(node, [groupId])).toEqual([{ groupId, errorCode: 68 }])
    const leavers = [
      { memberId: leader.memberId, groupInstanceId: 'a' },
      { memberId: '', groupInstanceId: 'b' },
      { memberId: '', groupInstanceId: 'nobody' },
    ]
    expect(await broker.leaveGroup(node, { groupId, members: leavers })).toEqual({ errorCode: 0, memberErrorCodes: [0, 0, 25] })
    expect(await broker.deleteGroups(node, [groupId])).toEqual([{ groupId, errorCode: 0 }])
  })

  test('a fetch that the broker holds stops nobody, and ends with the client', async () => {
    const { topic, topicId, leader } = await newTopic('quiet')
    const other = new WireBroker({ bootstrap: ['127.0.0.1:1', ...addresses], clientId: 'wire-broker-test', clock: systemClock })
    await other.metadata([])
    const at = { topic, topicId, partition: 0, fetchOffset: 0, currentLeaderEpoch: -1, lastFetchedEpoch: -1, maxBytes: 1_000 }
    const held = expect(other.fetch(leader, { ...fetchOf([at]), maxWaitMs: 600_000 })).rejects.toThrow(ConnectionLostError)
    const meanwhile = await other.fetch(leader, { ...fetchOf([at]), maxWaitMs: 0 })
    expect(meanwhile.partitions[0]?.errorCode).toBe(0)
    await other.close()
    await held
    await expect(other.metadata([])).rejects.toThrow('closed')
  })
})

/** The port retries nothing, and a coordinator or a new topic takes a moment to be known: asks again until the answer is good. */
async function until<Answer>(ask: () => Promise<Answer>, good: (answer: Answer) => boolean): Promise<Answer> {
  for (;;) {
    const answer = await ask()
    if (good(answer)) return answer
  }
}

const succeeded = ({ errorCode }: { errorCode: number }) => errorCode === 0

function view(text: string): ByteView {
  return new ByteView(Buffer.from(text))
}

function sealed(options: {
  values: string[]
  firstTimestamp?: number
  transactional?: boolean
  producerId?: number
  producerEpoch?: number
  baseSequence?: number
}): Buffer {
  const { values, firstTimestamp = NOW, transactional = false } = options
  const builder = new BatchBuilder({ transactional })
  values.forEach((value, i) => builder.append(firstTimestamp + i, view(`key-${i}`), view(value), undefined))
  const bytes = builder.seal()
  stampBatch(bytes, { ...NO_PRODUCER, ...options })
  return bytes
}

function fetchOf(partitions: FetchPartition[]): FetchRequest {
  return { maxWaitMs: 200, minBytes: 1, maxBytes: 20_000_000, readCommitted: false, partitions }
}

function valuesIn(partitions: Awaited<ReturnType<WireBroker['fetch']>>['partitions'], fetchOffset = 0): string[] {
  const cursor = new CommittedCursor()
  return partitions.flatMap(({ buffer, start, end, abortedTransactions }) => {
    const values: string[] = []
    cursor.reset({ buffer, start, end, fetchOffset, abortedTransactions })
    while (cursor.next()) values.push(cursor.value.buffer.toString('utf8', cursor.value.start, cursor.value.end))
    return values
  })
}

function joinOf({ groupId, memberId, groupInstanceId }: { groupId: string; memberId: string; groupInstanceId: string }): JoinGroupRequest {
  const protocols = [{ name: 'plain', metadata: Buffer.from('subscription') }]
  return { groupId, memberId, groupInstanceId, sessionTimeoutMs: 60_000, rebalanceTimeoutMs: 60_000, protocolType: 'test', protocols, reason: 'a test' }
}
