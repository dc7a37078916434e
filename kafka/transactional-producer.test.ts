import { expect, test } from 'vitest'
import type { GroupGeneration } from '../ports/broker.ts'
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
const OFFSETS = [
  { topic: 'trades', partition: 0, offset: 10, leaderEpoch: 0, metadata: '' },
  { topic: 'trades', partition: 1, offset: 20, leaderEpoch: 0, metadata: '' },
]

/** A producer that has initialised, with id 7 and epoch 0. */
async function setUp(options: Partial<TransactionalProducerOptions> = {}) {
  const clock = new VirtualClock()
  const broker = new ScriptedBroker()
  broker.lead({ out: { leaders: [1, 1, 2] } })
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

function batch(partition: number, recordCount: number): OutgoingBatch {
  return { topic: 'out', partition, recordCount, bytes: bareBatch({ baseOffset: 0, records: recordCount }) }
}

const done = { errorCode: 0, producerId: 7, producerEpoch: 1 }

test('one request a leader, sequences from 0 in every transaction, the next epoch from the answer to EndTxn', async () => {
  const { clock, broker, producer } = await setUp()
  const sent = producer.produce([batch(0, 3), batch(2, 1), batch(1, 2)])
  const first = broker.next('produce')
  expect([first.args[0], first.args[1], stamps(first.args[2])]).toEqual([1, 'app-a', ['out-0: 7/0/0', 'out-1: 7/0/0']])
  first.answer(produced({ 'out-0': 100, 'out-1': 200 }))
  broker.next('produce').answer(produced({ 'out-2': 300 }))
  expect(await sent).toEqual([100, 300, 200])
  const ended = producer.end('commit')
  await clock.settle()
  const end = broker.next('endTxn')
  expect(end.args[1]).toEqual({ transactionalId: 'app-a', producerId: 7, producerEpoch: 0, committed: true, transactionsV2: true })
  end.answer(done)
  await ended
  void producer.produce([batch(0, 3)])
  expect(stamps(broker.next('produce').args[2])).toEqual(['out-0: 7/1/0'])
})

test('several batches of a partition go one after the other, in order', async () => {
  const { clock, broker, producer } = await setUp()
  const sent = producer.produce([batch(0, 3), batch(0, 2), batch(1, 1)])
  expect(broker.count('produce')).toBe(1)
  broker.next('produce').answer(produced({ 'out-0': 100, 'out-1': 200 }))
  await clock.settle()
  const second = broker.next('produce')
  expect(stamps(second.args[2])).toEqual(['out-0: 7/0/3'])
  second.answer(produced({ 'out-0': 103 }))
  expect(await sent).toEqual([100, 103, 200])
})

test('offsets travel right behind the batches on the same lane', async () => {
  const { broker, producer } = await setUp()
  void producer.produce([batch(0, 1)])
  void producer.commitOffsets(OFFSETS, GENERATION)
  expect(broker.log.slice(-2).map(({ api, args }) => [api, args[0], args[1]])).toEqual([
    ['produce', 1, 'app-a'],
    ['txnOffsetCommit', 1, 'app-a'],
  ])
  expect(broker.next('txnOffsetCommit').args[2]).toMatchObject({ ...GENERATION, producerId: 7, producerEpoch: 0, transactionsV2: true, offsets: OFFSETS })
})

test('only the partitions with a passing error are sent again, with the same sequence numbers', async () => {
  const { clock, broker, producer } = await setUp()
  const sent = producer.produce([batch(0, 3), batch(1, 2)])
  broker.next('produce').answer(produced({ 'out-0': { errorCode: 51 }, 'out-1': 200 }))
  await clock.advance(5)
  const again = broker.next('produce')
  expect(stamps(again.args[2])).toEqual(['out-0: 7/0/0'])
  again.answer(produced({ 'out-0': 100 }))
  expect(await sent).toEqual([100, 200])
})

test('a lost connection: the leader is asked for, and the same batches go to it again', async () => {
  const { clock, broker, producer } = await setUp()
  const sent = producer.produce([batch(0, 3)])
  broker.lead({ out: { leaders: [2, 1, 2], leaderEpoch: 1 } })
  broker.next('produce').lose()
  await clock.advance(50)
  const again = broker.next('produce')
  expect([again.args[0], stamps(again.args[2])]).toEqual([2, ['out-0: 7/0/0']])
  again.answer(produced({ 'out-0': 100 }))
  expect(await sent).toEqual([100])
})

test('a batch that the broker has already counts only if it says where', async () => {
  const known = await setUp()
  const sent = known.producer.produce([batch(0, 1)])
  known.broker.next('produce').answer(produced({ 'out-0': { errorCode: 46, baseOffset: 77 } }))
  expect(await sent).toEqual([77])
  const unknown = await setUp()
  const lost = unknown.producer.produce([batch(0, 1)])
  unknown.broker.next('produce').answer(produced({ 'out-0': { errorCode: 46 } }))
  await expect(lost).rejects.toMatchObject({ scope: 'abort', code: 46 })
})

test.each([10, 32, 87])('error %i names the batch and the records', async (errorCode) => {
  const { broker, producer } = await setUp()
  const sent = producer.produce([batch(1, 1), batch(0, 3)])
  broker.next('produce').answer(produced({ 'out-1': 5, 'out-0': { errorCode, refused: [2] } }))
  await expect(sent).rejects.toMatchObject({ name: 'RecordRefusedError', scope: 'record', topic: 'out', partition: 0, batchIndex: 1, recordIndexes: [2] })
  await expect(producer.end('commit')).rejects.toMatchObject({ scope: 'abort' })
  void producer.end('abort')
  expect(broker.next('endTxn').args[1].committed).toBe(false)
})

test('a batch that failed without anybody looking poisons the commit', async () => {
  const { clock, broker, producer } = await setUp()
  producer.produce([batch(0, 1)]).catch(() => {})
  broker.next('produce').answer(produced({ 'out-0': { errorCode: 45 } }))
  await clock.settle()
  await expect(producer.end('commit')).rejects.toMatchObject({ scope: 'abort', code: 45 })
  expect(broker.count('endTxn')).toBe(0)
})

test('a commit does not overtake what it is to contain', async () => {
  const { producer } = await setUp()
  void producer.produce([batch(0, 1)])
  await expect(producer.end('commit')).rejects.toThrow('1 requests unanswered')
})

test('what is not acknowledged in time has to be aborted', async () => {
  const { clock, broker, producer } = await setUp({ deliveryTimeoutMs: 1_000 })
  broker.script.produce = () => produced({ 'out-0': { errorCode: 19 } })
  const sent = producer.produce([batch(0, 1)])
  const outcome = expect(sent).rejects.toMatchObject({ scope: 'abort', code: 7 })
  await clock.advance(3_000)
  await outcome
})

test('a leader that does not answer holds nothing up beyond the delivery timeout, and its late answer changes nothing', async () => {
  const { clock, broker, producer } = await setUp({ deliveryTimeoutMs: 1_000 })
  const outcome = expect(producer.produce([batch(0, 1)])).rejects.toMatchObject({ scope: 'abort', code: 7 })
  const late = broker.next('produce')
  await clock.advance(1_001)
  await outcome
  const next = producer.produce([batch(0, 1)])
  late.answer(produced({ 'out-0': 5 }))
  await clock.settle()
  broker.next('produce').answer(produced({ 'out-0': 6 }))
  expect(await next).toEqual([6])
  await expect(producer.end('commit')).rejects.toMatchObject({ scope: 'abort' })
})

test('an unknown outcome of EndTxn is resolved by asking again, with the same id and epoch', async () => {
  const { clock, broker, producer } = await setUp()
  const sent = producer.produce([batch(0, 1)])
  broker.next('produce').answer(produced({ 'out-0': 1 }))
  await sent
  const ended = producer.end('commit')
  await clock.settle()
  broker.next('endTxn').lose()
  await clock.advance(100)
  broker.script.findCoordinator = () => ({ errorCode: 0, node: 3 })
  broker.next('endTxn').answer({ errorCode: 16, producerId: -1, producerEpoch: -1 })
  await clock.advance(200)
  const third = broker.next('endTxn')
  expect(third.args).toEqual([3, { transactionalId: 'app-a', producerId: 7, producerEpoch: 0, committed: true, transactionsV2: true }])
  third.answer({ errorCode: 51, producerId: -1, producerEpoch: -1 })
  await clock.advance(10)
  broker.next('endTxn').answer(done)
  await ended
  void producer.produce([batch(0, 1)])
  expect(stamps(broker.next('produce').args[2])).toEqual(['out-0: 7/1/0'])
})

test.each([
  [47, 'fenced'],
  [48, 'abort'],
  [90, 'fenced'],
])('EndTxn error %i fails the producer until it is initialised', async (errorCode, scope) => {
  const { clock, broker, producer } = await setUp()
  const sent = producer.produce([batch(0, 1)])
  broker.next('produce').answer(produced({ 'out-0': 1 }))
  await sent
  const ended = producer.end('commit')
  await clock.settle()
  broker.next('endTxn').answer({ errorCode, producerId: -1, producerEpoch: -1 })
  await expect(ended).rejects.toMatchObject({ scope })
  await expect(producer.produce([batch(0, 1)])).rejects.toMatchObject({ scope, message: expect.stringContaining('which is failed') })
  broker.script.initProducerId = () => ({ errorCode: 0, producerId: 7, producerEpoch: 9 })
  await producer.initialise()
  void producer.produce([batch(0, 1)])
  expect(stamps(broker.next('produce').args[2])).toEqual(['out-0: 7/9/0'])
})

test('a transaction that was not begun ends without a request', async () => {
  const { broker, producer } = await setUp()
  expect(await producer.produce([])).toEqual([])
  await producer.commitOffsets([], GENERATION)
  await producer.end('commit')
  await producer.end('abort')
  expect(broker.count('endTxn')).toBe(0)
})

test('offsets: passing errors are repeated for their partitions only, on the lane, at the coordinator of then', async () => {
  const { clock, broker, producer } = await setUp()
  const committed = producer.commitOffsets(OFFSETS, GENERATION)
  broker.script.findCoordinator = () => ({ errorCode: 0, node: 2 })
  broker.next('txnOffsetCommit').answer([
    { topic: 'trades', partition: 0, errorCode: 0 },
    { topic: 'trades', partition: 1, errorCode: 16 },
  ])
  await clock.advance(50)
  const again = broker.next('txnOffsetCommit')
  expect([again.args[0], again.args[1], again.args[2].offsets]).toEqual([2, 'app-a', [OFFSETS[1]]])
  again.answer([{ topic: 'trades', partition: 1, errorCode: 0 }])
  await committed
})

test('offsets without an answer: the transaction has to be aborted, since they may come late, behind those of the transaction after it', async () => {
  const { clock, broker, producer } = await setUp()
  const committed = producer.commitOffsets(OFFSETS, GENERATION)
  broker.next('txnOffsetCommit').lose()
  await expect(committed).rejects.toMatchObject({ scope: 'abort' })
  await clock.advance(1_000)
  expect(broker.waiting('txnOffsetCommit')).toBe(0)
  await expect(producer.end('commit')).rejects.toMatchObject({ scope: 'abort' })
})

test.each([
  [22, 'generation'],
  [25, 'member'],
  [82, 'fenced'],
])('offsets refused with %i may be sent again in the same transaction, and hold up the commit until then', async (errorCode, scope) => {
  const { clock, broker, producer } = await setUp()
  const committed = producer.commitOffsets(OFFSETS, GENERATION)
  broker.next('txnOffsetCommit').answer(OFFSETS.map(({ topic, partition }) => ({ topic, partition, errorCode })))
  await expect(committed).rejects.toMatchObject({ scope, code: errorCode })
  await expect(producer.end('commit')).rejects.toMatchObject({ scope: 'abort' })
  const again = producer.commitOffsets(OFFSETS, { ...GENERATION, generationId: 4 })
  broker.next('txnOffsetCommit').answer(OFFSETS.map(({ topic, partition }) => ({ topic, partition, errorCode: 0 })))
  await again
  const ended = producer.end('commit')
  await clock.settle()
  broker.next('endTxn').answer(done)
  await ended
})

test('initialise waits until the transaction of an earlier producer is aborted, and for brokers that are away', async () => {
  const { clock, broker, producer } = await setUp()
  const answers = [51, 14, 16, 51, 0]
  broker.script.initProducerId = () => ({ errorCode: answers.shift() ?? 0, producerId: 7, producerEpoch: 2 })
  const initialised = producer.initialise()
  await clock.advance(1_000)
  await initialised
  expect(answers).toEqual([])
  expect(broker.sent('initProducerId')[1]).toMatchObject({
    transactionalId: 'app-a',
    producerId: -1,
    producerEpoch: -1,
    transactionTimeoutMs: 10_000,
  })
})

test('initialise gives up what was under way, and late answers to it change nothing', async () => {
  const { clock, broker, producer } = await setUp()
  const sent = producer.produce([batch(0, 3), batch(0, 2)])
  const late = broker.next('produce')
  broker.script.initProducerId = () => ({ errorCode: 0, producerId: 7, producerEpoch: 5 })
  const initialised = producer.initialise()
  await expect(sent).rejects.toMatchObject({ scope: 'abort' })
  await initialised
  const anew = producer.produce([batch(0, 1)])
  late.answer(produced({ 'out-0': 1 }))
  await clock.settle()
  const request = broker.next('produce')
  expect(stamps(request.args[2])).toEqual(['out-0: 7/5/0'])
  expect(broker.waiting('produce')).toBe(0)
  request.answer(produced({ 'out-0': 9 }))
  expect(await anew).toEqual([9])
})

test('close ends every wait', async () => {
  const { clock, broker, producer } = await setUp()
  const sent = producer.produce([batch(0, 1)])
  const committed = producer.commitOffsets(OFFSETS, GENERATION)
  // it waits before it asks again
  broker.next('txnOffsetCommit').answer(OFFSETS.map(({ topic, partition }) => ({ topic, partition, errorCode: 16 })))
  await clock.settle()
  await producer.close()
  await expect(sent).rejects.toMatchObject({ scope: 'abort' })
  await expect(committed).rejects.toMatchObject({ scope: 'abort' })
  await expect(producer.initialise()).rejects.toThrow('closed')
})
