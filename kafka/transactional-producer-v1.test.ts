import { expect, test } from 'vitest'
import type { GroupGeneration, TopicPartition } from '../ports/broker.ts'
import type { OutgoingBatch, TransactionalProducerOptions } from '../ports/kafka-client.ts'
import { systemRandom } from '../ports/system-random.ts'
import { bareBatch } from '../test/support/fetched.ts'
import { produced, stamps } from '../test/support/produced.ts'
import { ScriptedBroker } from '../test/support/scripted-broker.ts'
import { VirtualClock } from '../test/support/virtual-clock.ts'
import { Coordinators } from './coordinators.ts'
import { Leaders } from './leaders.ts'
import { KafkaTransactionalProducer } from './transactional-producer.ts'

const GENERATION: GroupGeneration = { groupId: 'trades', generationId: 3, memberId: 'm1', groupInstanceId: 'i1' }
const OFFSETS = [{ topic: 'trades', partition: 0, offset: 10, leaderEpoch: 0, metadata: '' }]
const ENDED = { errorCode: 0, producerId: -1, producerEpoch: -1 }

/** A producer on a cluster with transactions V1, initialised with id 7 and epoch 0. */
async function setUp(options: Partial<TransactionalProducerOptions> = {}) {
  const clock = new VirtualClock()
  const broker = new ScriptedBroker()
  broker.lead({ out: { leaders: [1, 1, 2] } })
  broker.script.features = () => ({ finalised: new Map(), transactionsV2: false })
  broker.script.initProducerId = () => ({ errorCode: 0, producerId: 7, producerEpoch: 0 })
  const context = { clock, random: systemRandom, broker }
  const leaders = new Leaders(context)
  const coordinators = new Coordinators(context)
  const producer = new KafkaTransactionalProducer({ ...context, leaders, coordinators }, { transactionalId: 'app-a', ...options })
  await producer.initialise()
  await leaders.refresh(['out'])
  await coordinators.look('group', 'trades')
  delete broker.script.initProducerId
  return { clock, broker, producer }
}

type SetUp = Awaited<ReturnType<typeof setUp>>

function batch(partition: number, recordCount: number): OutgoingBatch {
  return { topic: 'out', partition, recordCount, bytes: bareBatch({ baseOffset: 0, records: recordCount }) }
}

const added = (partitions: readonly TopicPartition[], errorCode = 0) => partitions.map(({ topic, partition }) => ({ topic, partition, errorCode }))

/** Answers the AddPartitionsToTxn that waits; resolves when what follows has been sent. */
async function add({ clock, broker }: SetUp, errorCode = 0): Promise<void> {
  await clock.settle()
  const { args, answer } = broker.next('addPartitionsToTxn')
  answer(added(args[1].partitions, errorCode))
  await clock.settle()
}

async function end({ clock, broker, producer }: SetUp, outcome: 'commit' | 'abort'): Promise<void> {
  const ended = producer.end(outcome)
  await clock.settle()
  broker.next('endTxn').answer(ENDED)
  await ended
}

/** A transaction of one batch, up to its end. */
async function transaction(run: SetUp, recordCount = 1): Promise<string[]> {
  const sent = run.producer.produce([batch(0, recordCount)])
  await add(run)
  const { args, answer } = run.broker.next('produce')
  answer(produced({ 'out-0': 1 }))
  await sent
  return stamps(args[2])
}

test('partitions are added in one request before anything is sent to them; epoch and sequences go on over transactions', async () => {
  const run = await setUp()
  const { clock, broker, producer } = run
  const sent = producer.produce([batch(0, 3), batch(2, 1), batch(0, 1)])
  await clock.settle()
  expect(broker.count('produce')).toBe(0)
  const owner = { transactionalId: 'app-a', producerId: 7, producerEpoch: 0 }
  expect(broker.sent('addPartitionsToTxn')).toEqual([1, { ...owner, partitions: [{ topic: 'out', partition: 0 }, { topic: 'out', partition: 2 }] }])
  await add(run)
  const first = broker.next('produce')
  expect([stamps(first.args[2]), first.args[2].transactionsV2]).toEqual([['out-0: 7/0/0'], false])
  first.answer(produced({ 'out-0': 100 }))
  broker.next('produce').answer(produced({ 'out-2': 300 }))
  await clock.settle()
  broker.next('produce').answer(produced({ 'out-0': 103 }))
  expect(await sent).toEqual([100, 300, 103])
  await end(run, 'commit')
  expect(broker.sent('endTxn')[1]).toEqual({ ...owner, committed: true, transactionsV2: false })
  expect(await transaction(run)).toEqual(['out-0: 7/0/4'])
  expect(broker.count('initProducerId')).toBe(1)
})

test('what is in the transaction is not added again', async () => {
  const run = await setUp()
  const { clock, broker, producer } = run
  await transaction(run)
  void producer.produce([batch(0, 1), batch(1, 1)])
  await clock.settle()
  expect(broker.sent('addPartitionsToTxn')[1].partitions).toEqual([{ topic: 'out', partition: 1 }])
  await add(run)
  void producer.produce([batch(0, 1)])
  await clock.settle()
  expect(broker.count('addPartitionsToTxn')).toBe(2)
})

test('a group is added behind the partitions, since the coordinator takes one request at a time; its offsets wait for that', async () => {
  const run = await setUp()
  const { clock, broker, producer } = run
  void producer.produce([batch(0, 1)])
  const committed = producer.commitOffsets(OFFSETS, GENERATION)
  await clock.settle()
  expect(broker.count('addOffsetsToTxn')).toBe(0)
  await add(run)
  expect([broker.waiting('produce'), broker.waiting('addOffsetsToTxn'), broker.count('txnOffsetCommit')]).toEqual([1, 1, 0])
  expect(broker.sent('addOffsetsToTxn')[1]).toEqual({ transactionalId: 'app-a', producerId: 7, producerEpoch: 0, groupId: 'trades' })
  broker.next('addOffsetsToTxn').answer({ errorCode: 0 })
  await clock.settle()
  const { args, answer } = broker.next('txnOffsetCommit')
  expect(args).toMatchObject([1, 'app-a', { ...GENERATION, transactionsV2: false, producerEpoch: 0, offsets: OFFSETS }])
  answer(added(OFFSETS, 22))
  await expect(committed).rejects.toMatchObject({ scope: 'generation' })
  void producer.commitOffsets(OFFSETS, { ...GENERATION, generationId: 4 })
  await clock.settle()
  expect([broker.count('addOffsetsToTxn'), broker.waiting('txnOffsetCommit')]).toEqual([1, 1])
})

test('a commit waits for what is still being added', async () => {
  const { producer } = await setUp()
  void producer.commitOffsets(OFFSETS, GENERATION)
  await expect(producer.end('commit')).rejects.toThrow('1 requests unanswered')
})

test('markers of the transaction before: asked again after milliseconds', async () => {
  const run = await setUp()
  const { clock, broker, producer } = run
  void producer.produce([batch(0, 1)])
  await add(run, 51)
  expect(broker.waiting('addPartitionsToTxn')).toBe(0)
  await clock.advance(4)
  await add(run)
  expect(broker.waiting('produce')).toBe(1)
})

test.each([
  [47, 'fenced'],
  [90, 'fenced'],
  [49, 'abort'],
  [120, 'abort'],
  [29, 'fatal'],
])('AddPartitionsToTxn refused with %i: nothing is sent, and nothing can be committed', async (errorCode, scope) => {
  const run = await setUp()
  const { clock, broker, producer } = run
  const sent = producer.produce([batch(0, 1), batch(1, 1)])
  await clock.settle()
  broker.next('addPartitionsToTxn').answer([
    { topic: 'out', partition: 0, errorCode: 55 },
    { topic: 'out', partition: 1, errorCode },
  ])
  await expect(sent).rejects.toMatchObject({ code: errorCode, scope })
  await expect(producer.end('commit')).rejects.toThrow()
  expect([broker.count('produce'), broker.count('endTxn')]).toEqual([0, 0])
})

test('what is not added in time has to be aborted, and an abort of nothing is one', async () => {
  const { clock, broker, producer } = await setUp({ deliveryTimeoutMs: 1_000 })
  broker.script.addPartitionsToTxn = (_, { partitions }) => added(partitions, 3)
  const outcome = expect(producer.produce([batch(0, 1)])).rejects.toMatchObject({ scope: 'abort', code: 7 })
  await clock.advance(3_000)
  await outcome
  const ended = producer.end('abort')
  await clock.settle()
  broker.next('endTxn').answer({ errorCode: 48, producerId: -1, producerEpoch: -1 })
  await ended
})

test('an abort is followed by the next epoch, before anything is added: late batches of the aborted transaction are refused', async () => {
  const run = await setUp()
  const { clock, broker, producer } = run
  await transaction(run)
  await end(run, 'abort')
  const sent = producer.produce([batch(0, 2)])
  await clock.settle()
  expect(broker.count('addPartitionsToTxn')).toBe(1)
  const { args, answer } = broker.next('initProducerId')
  expect(args[1]).toEqual({ transactionalId: 'app-a', transactionTimeoutMs: 10_000, producerId: 7, producerEpoch: 0 })
  answer({ errorCode: 0, producerId: 7, producerEpoch: 1 })
  await add(run)
  expect(broker.sent('addPartitionsToTxn')[1].producerEpoch).toBe(1)
  const request = broker.next('produce')
  expect(stamps(request.args[2])).toEqual(['out-0: 7/1/0'])
  request.answer(produced({ 'out-0': 5 }))
  await sent
  await end(run, 'commit')
  expect(await transaction(run)).toEqual(['out-0: 7/1/2'])
})

test('an EndTxn without an answer is repeated; the next transaction has another epoch, so that a late one cannot end it', async () => {
  const run = await setUp()
  const { clock, broker, producer } = run
  await transaction(run)
  const ended = producer.end('commit')
  await clock.settle()
  broker.next('endTxn').lose()
  await clock.advance(100)
  expect(broker.sent('endTxn')).toEqual(broker.sent('endTxn', -2))
  broker.next('endTxn').answer({ ...ENDED, errorCode: 51 })
  await clock.advance(10)
  broker.next('endTxn').answer(ENDED)
  await ended
  void producer.produce([batch(0, 1)])
  await clock.settle()
  broker.next('initProducerId').answer({ errorCode: 0, producerId: 7, producerEpoch: 1 })
  await add(run)
  expect(stamps(broker.next('produce').args[2])).toEqual(['out-0: 7/1/0'])
})

test('so it is with an AddPartitionsToTxn or AddOffsetsToTxn without an answer: a late one would begin a transaction that nobody ends', async () => {
  for (const api of ['addPartitionsToTxn', 'addOffsetsToTxn'] as const) {
    const run = await setUp()
    const { clock, broker, producer } = run
    const sent = api === 'addOffsetsToTxn' ? producer.commitOffsets(OFFSETS, GENERATION) : producer.produce([batch(0, 1)])
    await clock.settle()
    broker.next(api).lose()
    broker.script.addPartitionsToTxn = (_, { partitions }) => added(partitions)
    broker.script.addOffsetsToTxn = () => ({ errorCode: 0 })
    broker.script.txnOffsetCommit = (_, __, { offsets }) => added(offsets)
    broker.script.produce = () => produced({ 'out-0': 1 })
    await clock.advance(100)
    await sent
    broker.script.produce = () => produced({ 'out-1': 1 })
    await producer.produce([batch(1, 1)])
    // not in the middle of the transaction
    expect(broker.count('initProducerId'), api).toBe(1)
    await end(run, 'commit')
    void producer.produce([batch(0, 1)])
    await clock.settle()
    expect(broker.waiting('initProducerId'), api).toBe(1)
  }
})

test('an epoch that another producer has raised: the next transaction is refused, the committed one stands', async () => {
  const run = await setUp()
  const { clock, broker, producer } = run
  await transaction(run)
  await end(run, 'abort')
  const sent = producer.produce([batch(0, 1)])
  await clock.settle()
  broker.next('initProducerId').answer({ errorCode: 90, producerId: -1, producerEpoch: -1 })
  await expect(sent).rejects.toMatchObject({ scope: 'fenced' })
  await expect(producer.produce([batch(0, 1)])).rejects.toMatchObject({ scope: 'fenced' })
})

test('a batch without an answer is repeated with its sequence numbers: a late one is known by them', async () => {
  const run = await setUp()
  const { clock, broker, producer } = run
  const sent = producer.produce([batch(0, 2)])
  await add(run)
  broker.next('produce').lose()
  await clock.advance(100)
  const again = broker.next('produce')
  expect(stamps(again.args[2])).toEqual(['out-0: 7/0/0'])
  again.answer(produced({ 'out-0': 5 }))
  await sent
  await end(run, 'commit')
  expect(await transaction(run)).toEqual(['out-0: 7/0/2'])
})

test('initialise gives up what is being added; a late answer sends nothing', async () => {
  const { clock, broker, producer } = await setUp()
  const outcome = expect(producer.produce([batch(0, 1)])).rejects.toMatchObject({ scope: 'abort', code: 120 })
  await clock.settle()
  const late = broker.next('addPartitionsToTxn')
  broker.script.initProducerId = () => ({ errorCode: 0, producerId: 7, producerEpoch: 2 })
  await producer.initialise()
  late.answer(added(late.args[1].partitions))
  await outcome
  await clock.advance(1_000)
  expect(broker.count('produce')).toBe(0)
  void producer.produce([batch(1, 1)])
  await clock.settle()
  expect(broker.sent('addPartitionsToTxn')[1]).toMatchObject({ producerEpoch: 2, partitions: [{ topic: 'out', partition: 1 }] })
})

test('a cluster that has been upgraded meanwhile: the next initialise goes on with V2', async () => {
  const run = await setUp()
  const { broker, producer } = run
  await transaction(run)
  await end(run, 'commit')
  broker.script.features = () => ({ finalised: new Map([['transaction.version', 2]]), transactionsV2: true })
  expect(await transaction(run)).toEqual(['out-0: 7/0/1'])
  broker.script.initProducerId = () => ({ errorCode: 0, producerId: 7, producerEpoch: 2 })
  await producer.initialise()
  void producer.produce([batch(0, 1)])
  const { args } = broker.next('produce')
  expect([stamps(args[2]), args[2].transactionsV2]).toEqual([['out-0: 7/2/0'], true])
  expect(broker.count('addPartitionsToTxn')).toBe(2)
})
