import { expect, test } from 'vitest'
import type { OutgoingBatch } from '../ports/kafka-client.ts'
import { systemRandom } from '../ports/system-random.ts'
import { bareBatch } from '../test/support/fetched.ts'
import { produced, stamps } from '../test/support/produced.ts'
import { ScriptedBroker } from '../test/support/scripted-broker.ts'
import { VirtualClock } from '../test/support/virtual-clock.ts'
import { Leaders } from './leaders.ts'
import { takeSequence } from './producer-identity.ts'
import { IdempotentProducer } from './producer.ts'

function setUp() {
  const clock = new VirtualClock()
  const broker = new ScriptedBroker()
  broker.lead({ out: { leaders: [1, 1] } })
  let nextId = 7
  broker.script.initProducerId = () => ({ errorCode: 0, producerId: nextId++, producerEpoch: 0 })
  const context = { clock, random: systemRandom, broker }
  return { clock, broker, producer: new IdempotentProducer({ ...context, leaders: new Leaders(context) }) }
}

function batch(partition: number, recordCount: number): OutgoingBatch {
  return { topic: 'out', partition, recordCount, bytes: bareBatch({ baseOffset: 0, records: recordCount }) }
}

test('order is kept when the first of several batches has to be repeated', async () => {
  const { clock, broker, producer } = setUp()
  const sent = Promise.all([producer.produce([batch(0, 2)]), producer.produce([batch(0, 1)]), producer.produce([batch(0, 1)])])
  await clock.settle()
  broker.next('produce').answer(produced({ 'out-0': { errorCode: 6 } }))
  await clock.advance(100)
  for (const [stamp, offset] of [
    ['out-0: 7/0/0', 10],
    ['out-0: 7/0/2', 12],
    ['out-0: 7/0/3', 13],
  ] as const) {
    expect(broker.waiting('produce')).toBe(1)
    const call = broker.next('produce')
    expect(stamps(call.args[2])).toEqual([stamp])
    call.answer(produced({ 'out-0': offset }))
    await clock.settle()
  }
  expect(await sent).toEqual([[10], [12], [13]])
})

test('a leader that the metadata names for the first time is asked at once, however long the pause has become', async () => {
  const { clock, broker, producer } = setUp()
  const sent = producer.produce([batch(0, 1)])
  await clock.settle()
  // Not the leader, says the broker, and that it is, says the metadata: the pauses grow.
  for (let attempt = 0; attempt < 8; attempt++) {
    broker.next('produce').answer(produced({ 'out-0': { errorCode: 6 } }))
    await clock.advance(1_000)
  }
  broker.lead({ out: { leaders: [2, 1], leaderEpoch: 1 } })
  broker.next('produce').answer(produced({ 'out-0': { errorCode: 6 } }))
  await clock.settle()
  const call = broker.next('produce')
  expect(call.args[0]).toBe(2)
  call.answer(produced({ 'out-0': 10 }))
  expect(await sent).toEqual([10])
})

test('after a batch that was refused, the next ones go under a new producer id', async () => {
  const { clock, broker, producer } = setUp()
  const refused = producer.produce([batch(0, 2)])
  const next = producer.produce([batch(0, 1)])
  await clock.settle()
  broker.next('produce').answer(produced({ 'out-0': { errorCode: 10 } }))
  await expect(refused).rejects.toMatchObject({ name: 'RecordRefusedError' })
  await clock.settle()
  const call = broker.next('produce')
  expect(stamps(call.args[2])).toEqual(['out-0: 8/0/0'])
  call.answer(produced({ 'out-0': 3 }))
  expect(await next).toEqual([3])
})

test('no broker to be found: the batches wait, and are given up at the delivery timeout', async () => {
  const { clock, broker, producer } = setUp()
  delete broker.script.metadata
  const sent = producer.produce([batch(0, 1)])
  const outcome = expect(sent).rejects.toMatchObject({ code: 7 })
  for (let second = 0; second < 70; second++) {
    while (broker.waiting('metadata') > 0) {
      broker.next('metadata').lose()
      await clock.settle()
    }
    await clock.advance(1_000)
  }
  await outcome
})

test('sequence numbers wrap to 0 after 2^31-1', () => {
  const identity = { producerId: 1, producerEpoch: 0, transactionsV2: true, sequences: new Map([['out-0', 2 ** 31 - 2]]) }
  expect([takeSequence(identity, 'out-0', 4), takeSequence(identity, 'out-0', 1)]).toEqual([2 ** 31 - 2, 2])
})
