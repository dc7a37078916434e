import { expect, test } from 'vitest'
import { DirectNetwork } from '../../engine/simulation/cluster/direct-network.ts'
import { ConnectionLostError, LATEST_TIMESTAMP } from '../../ports/broker.ts'
import { BatchBuilder } from '../../records/batch-builder.ts'
import { ByteView } from '../../records/byte-view.ts'
import { ContractRun } from '../contract/broker/contract-run.ts'
import { ModelRun } from './model-run.ts'

/** What one real broker cannot show: codes that a client meets while leaders and coordinators move. After Kafka's sources. */
function begin(): { run: ModelRun; contract: ContractRun } {
  const run = new ModelRun({ nodes: 3, timing: { failoverMs: 1_000 } })
  const connect = (clientId: string) => run.cluster.broker(clientId, new DirectNetwork())
  const time = { now: () => run.clock.now(), pass: (ms: number) => run.clock.advance(ms), settled: <T>(promise: Promise<T>) => run.until(promise) }
  return { run, contract: new ContractRun({ ...time, broker: connect('test'), connect, run: 'run', compact: () => {}, close: async () => {} }, 'case') }
}

test('a leader that moved: 6 at the old one, 74 under the old epoch, 75 under one to come', async () => {
  const { run, contract } = begin()
  const old = await contract.topic()
  await contract.produce(old)
  run.cluster.moveLeader(old.topic, 0)
  const anew = await contract.known(old.topic, 1)
  expect(anew.leader).not.toBe(old.leader)
  expect(anew.leaderEpoch).toBe(old.leaderEpoch + 1)
  expect((await contract.produce(old)).errorCode).toBe(6)
  expect((await contract.fetch(old)).errorCode).toBe(6)
  expect((await contract.fetch(anew, { currentLeaderEpoch: old.leaderEpoch })).errorCode).toBe(74)
  expect((await contract.fetch(anew, { currentLeaderEpoch: anew.leaderEpoch + 1 })).errorCode).toBe(75)
  expect((await contract.fetch(anew, { fetchOffset: 1, lastFetchedEpoch: old.leaderEpoch, currentLeaderEpoch: anew.leaderEpoch })).divergingEpoch).toBeUndefined()
  expect(await run.until(contract.broker.offsetForLeaderEpoch(anew.leader, [{ topic: old.topic, partition: 0, leaderEpoch: old.leaderEpoch, currentLeaderEpoch: anew.leaderEpoch }]))).toEqual([
    { topic: old.topic, partition: 0, errorCode: 0, leaderEpoch: old.leaderEpoch, endOffset: 1 },
  ])
})

test('a fetch that waits is ended by the move of the leader', async () => {
  const { run, contract } = begin()
  const topic = await contract.topic()
  const startMs = run.clock.monotonicMs()
  const held = contract.fetch(topic, { maxWaitMs: 30_000 })
  await run.clock.advance(100)
  run.cluster.moveLeader(topic.topic, 0)
  expect((await held).errorCode).toBe(6)
  expect(run.clock.monotonicMs() - startMs).toBeLessThan(1_000)
})

test('what was not replicated is gone with its leader, or is not: nobody was told', async () => {
  const fates = new Set<string>()
  for (let seed = 1; seed <= 12; seed++) {
    const run = new ModelRun({ nodes: 3, seed, timing: { failoverMs: 100, replicationMs: [50, 50] } })
    const broker = run.cluster.broker('test', new DirectNetwork())
    run.cluster.createTopic({ name: 't', partitions: 1 })
    const leader = run.cluster.leaderOf('t', 0) ?? 0
    const builder = new BatchBuilder({ transactional: false })
    builder.append(1_000, ByteView.of('key'), ByteView.of('value'), undefined)
    const bytes = builder.sealPlain()
    const produced = broker.produce(leader, 'lane', { transactionalId: undefined, transactionsV2: true, timeoutMs: 5_000, partitions: [{ topic: 't', partition: 0, records: [bytes] }] })
    const lost = expect(produced).rejects.toThrow(ConnectionLostError)
    await run.clock.advance(10)
    expect(run.cluster.log('t', 0)).toMatchObject({ end: 1, highWatermark: 0 })
    run.cluster.crash(leader)
    await lost
    await run.clock.advance(500)
    const { end, highWatermark } = run.cluster.log('t', 0)
    expect(highWatermark).toBe(end)
    fates.add(end === 0 ? 'gone' : 'kept')
  }
  expect([...fates].sort()).toEqual(['gone', 'kept'])
})

test('a node that died answers nobody; its partitions have a leader again when it is missed', async () => {
  const { run, contract } = begin()
  const topic = await contract.topic()
  run.cluster.crash(topic.leader)
  await expect(run.until(contract.broker.listOffsets(topic.leader, { readCommitted: false, partitions: [{ topic: topic.topic, partition: 0, timestamp: LATEST_TIMESTAMP, currentLeaderEpoch: -1 }] }))).rejects.toThrow(ConnectionLostError)
  expect((await run.until(contract.broker.metadata([topic.topic]))).topics[0]?.partitions[0]?.leader).toBe(topic.leader)
  await run.clock.advance(1_100)
  expect((await run.until(contract.broker.metadata([topic.topic]))).topics[0]?.partitions[0]?.leader).not.toBe(topic.leader)
})

test('too few replicas: 19 before, 20 after the append', async () => {
  const { run, contract } = begin()
  const topic = await contract.topic()
  const underWay = contract.produce(topic)
  await run.clock.settle()
  run.cluster.setUnderReplicated(topic.topic, 0, true)
  expect((await underWay).errorCode).toBe(20)
  expect((await contract.produce(topic)).errorCode).toBe(19)
  run.cluster.setUnderReplicated(topic.topic, 0, false)
  expect((await contract.produce(topic)).errorCode).toBe(0)
})

test('a coordinator that moved: 16 at the old one, 14 while the new one reads; then everything is as it was', async () => {
  const { run, contract } = begin()
  const group = await contract.group()
  const member = await contract.lone(group, 'a')
  const identity = await contract.identity()
  const topic = await contract.topic()
  await contract.append(identity, topic, { values: ['kept'] })
  run.cluster.moveCoordinator('group', group.groupId)
  run.cluster.moveCoordinator('transaction', identity.transactionalId)
  expect(await contract.heartbeat(group, member, 'a')).toEqual({ errorCode: 16 })
  expect((await contract.endOnce(identity, 'commit')).errorCode).toBe(16)
  const node = run.cluster.coordinatorOf('transaction', identity.transactionalId) ?? 0
  expect((await contract.endOnce({ ...identity, node }, 'commit')).errorCode).toBe(14)
  const anew = { ...group, node: await contract.coordinator('group', group.groupId) }
  expect(await contract.heartbeat(anew, member, 'a')).toEqual({ errorCode: 0 })
  await contract.coordinator('transaction', identity.transactionalId)
  expect((await contract.end({ ...identity, node }, 'commit')).errorCode).toBe(0)
  expect((await contract.committed(topic)).values).toEqual(['kept'])
})

test('partitions that are added, and a throttled answer', async () => {
  const { run, contract } = begin()
  const topic = await contract.topic()
  run.cluster.addPartitions(topic.topic, 3)
  await contract.known(topic.topic, 3)
  run.cluster.throttle(250)
  const asked = { topic: topic.topic, topicId: topic.topicId, partition: 0, fetchOffset: 0, currentLeaderEpoch: -1, lastFetchedEpoch: -1, maxBytes: 1_000 }
  expect((await run.until(contract.broker.fetch(topic.leader, { maxWaitMs: 0, minBytes: 0, maxBytes: 1_000, readCommitted: true, partitions: [asked] }))).throttleTimeMs).toBe(250)
})

test('foreign writers: committed, aborted, open, outside of transactions', async () => {
  const { run, contract } = begin()
  const topic = await contract.topic()
  const write = (value: string, transaction?: 'commit' | 'abort' | 'open') => run.cluster.append(topic.topic, 0, [{ key: 'k', value }], transaction === undefined ? {} : { transaction })
  expect([write('plain'), write('committed', 'commit'), write('aborted', 'abort'), write('open', 'open'), write('behind')]).toEqual([0, 1, 3, 5, 6])
  const log = run.cluster.log(topic.topic, 0)
  expect(log.records().map(({ value, transaction }) => `${value} ${transaction}`)).toEqual(['plain none', 'committed committed', 'aborted aborted', 'open open', 'behind none'])
  expect(log.committed().map(({ value }) => String(value))).toEqual(['plain', 'committed'])
  expect(log).toMatchObject({ lastStableOffset: 5, highWatermark: 7, end: 7 })
})

test('retention takes whole old files, by age and by size', async () => {
  const { run, contract } = begin()
  const topic = await contract.topic('old', 1, { 'segment.ms': '1000', 'retention.ms': '50000' })
  for (let i = 0; i < 5; i++) {
    await contract.produce(topic, { values: [`${i}`] })
    await run.clock.advance(20_000)
  }
  run.cluster.deleteOld(topic.topic, 0)
  expect(run.cluster.log(topic.topic, 0)).toMatchObject({ start: 3, end: 5 })
  run.cluster.setConfig(topic.topic, 'retention.bytes', '70')
  run.cluster.deleteOld(topic.topic, 0)
  expect(run.cluster.log(topic.topic, 0)).toMatchObject({ start: 4, end: 5 })
})
