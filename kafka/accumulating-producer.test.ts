import { expect, test } from 'vitest'
import type { OutgoingBatch, OutgoingRecord, Producer } from '../ports/kafka-client.ts'
import { RecordRefusedError } from '../ports/kafka-error.ts'
import { BatchCursor } from '../records/batch-cursor.ts'
import { readHeaders } from '../records/headers.ts'
import { stampBatch } from '../records/record-batch.ts'
import { VirtualClock } from '../test/support/virtual-clock.ts'
import { AccumulatingProducer, type AccumulatingProducerOptions } from './accumulating-producer.ts'

interface Request {
  readonly batches: readonly OutgoingBatch[]
  /** By position in the request. */
  readonly answers: PromiseWithResolvers<number>[]
}

class Fixture {
  readonly clock = new VirtualClock()
  readonly requests: Request[] = []
  readonly producer: AccumulatingProducer

  constructor(options: Partial<AccumulatingProducerOptions> = {}) {
    const produceEach = (batches: readonly OutgoingBatch[]) => {
      const answers = batches.map(() => Promise.withResolvers<number>())
      this.requests.push({ batches, answers })
      return answers.map(({ promise }) => promise)
    }
    const producer: Producer = { produceEach, produce: (batches) => Promise.all(produceEach(batches)), close: async () => {} }
    this.producer = new AccumulatingProducer({ producer, clock: this.clock, ...options })
  }

  send(text: string, partition = 0): Promise<number | string> {
    return this.producer.send(record(text, partition)).catch((error: Error) => error.name)
  }

  /** Texts of each batch: `partition: a,b`. */
  sent(request: number): string[] {
    return (this.requests[request]?.batches ?? []).map(({ partition, bytes }) => `${partition}: ${values(bytes).join(',')}`)
  }

  async acknowledge(request: number, ...offsets: number[]): Promise<void> {
    this.requests[request]?.answers.forEach(({ resolve }, index) => resolve(offsets[index] ?? 0))
    await this.clock.settle()
  }
}

function record(text: string, partition: number): OutgoingRecord {
  return { topic: 'in', partition, timestamp: 5, key: Buffer.from('k'), value: Buffer.from(text), headers: [['request-id', text]] }
}

function values(bytes: Buffer): string[] {
  stampBatch(bytes, { producerId: 1, producerEpoch: 0, baseSequence: 0 })
  const cursor = new BatchCursor()
  cursor.reset(bytes, 0, bytes.length)
  const found: string[] = []
  while (cursor.nextBatch()) while (cursor.nextRecord()) found.push(cursor.value.toString())
  return found
}

test('records of one turn go out in one request, each with its own offset', async () => {
  const at = new Fixture()
  const sent = Promise.all([at.send('a'), at.send('b', 1), at.send('c')])
  await at.clock.settle()
  expect(at.requests.length).toBe(1)
  expect(at.sent(0)).toEqual(['0: a,c', '1: b'])
  await at.acknowledge(0, 10, 20)
  expect(await sent).toEqual([10, 20, 11])
})

test('a record carries its key, headers and time', async () => {
  const at = new Fixture()
  void at.send('a')
  await at.clock.settle()
  const bytes = at.requests[0]?.batches[0]?.bytes ?? Buffer.alloc(0)
  stampBatch(bytes, { producerId: 1, producerEpoch: 0, baseSequence: 0 })
  const cursor = new BatchCursor()
  cursor.reset(bytes, 0, bytes.length)
  expect(cursor.nextBatch() && cursor.nextRecord()).toBe(true)
  expect([cursor.key.toString(), cursor.timestamp, readHeaders(cursor.headers).map(({ key, value }) => `${key}=${value}`)]).toEqual(['k', 5, ['request-id=a']])
})

test('what comes while a batch of the partition is under way goes into the next one', async () => {
  const at = new Fixture()
  void at.send('a')
  await at.clock.settle()
  for (const text of ['b', 'c', 'd']) void at.send(text)
  await at.clock.advance(50)
  expect(at.requests.length).toBe(1)
  await at.acknowledge(0)
  await at.clock.advance(4)
  expect(at.sent(1)).toEqual(['0: b,c,d'])
})

test('other partitions wait some milliseconds for company while a request is under way, not for its answer', async () => {
  const at = new Fixture()
  void at.send('a')
  await at.clock.settle()
  void at.send('b', 1)
  await at.clock.settle()
  expect(at.requests.length).toBe(1)
  await at.clock.advance(2)
  void at.send('c', 2)
  await at.clock.advance(2)
  expect(at.sent(1)).toEqual(['1: b', '2: c'])
})

test('a batch without an answer: who waits is told that nobody knows, what was not sent never is, what comes is refused at once', async () => {
  const at = new Fixture({ awayAfterMs: 1_000 })
  const sent = at.producer.send(record('a', 0)).catch((error: unknown) => error)
  await at.clock.settle()
  const waiting = at.producer.send(record('b', 0)).catch((error: unknown) => error)
  await at.clock.advance(1_000)
  expect(await sent).toMatchObject({ name: 'KafkaAwayError', isSent: true })
  expect(await waiting).toMatchObject({ name: 'KafkaAwayError', isSent: false })
  expect(at.producer.isAway).toBe(true)
  await expect(at.producer.send(record('c', 0))).rejects.toMatchObject({ name: 'KafkaAwayError', isSent: false })
  expect(at.requests.length).toBe(1)
  await at.acknowledge(0)
  expect(at.producer.isAway).toBe(false)
  void at.send('d')
  await at.clock.advance(4)
  expect(at.sent(1)).toEqual(['0: d'])
})

test('another partition goes on while one waits', async () => {
  const at = new Fixture({ awayAfterMs: 1_000 })
  const answers = [at.send('a', 0), at.send('b', 1)]
  await at.clock.settle()
  at.requests[0]?.answers[1]?.resolve(7)
  expect(await answers[1]).toBe(7)
  await at.clock.advance(1_000)
  expect(await answers[0]).toBe('KafkaAwayError')
  void at.send('c', 1)
  await at.clock.advance(4)
  expect(at.sent(1)).toEqual(['1: c'])
})

test('of a batch that is refused each record is tried alone', async () => {
  const at = new Fixture()
  const answers = [at.send('good'), at.send('bad')]
  await at.clock.settle()
  const refused = new RecordRefusedError({ code: 10, errorName: 'MESSAGE_TOO_LARGE', scope: 'record' }, { topic: 'in', partition: 0, batchIndex: 0, recordIndexes: [] }, 'refused')
  at.requests[0]?.answers[0]?.reject(refused)
  await at.clock.settle()
  expect(at.requests.slice(1).map(({ batches }) => values(batches[0]?.bytes ?? Buffer.alloc(0)))).toEqual([['good'], ['bad']])
  at.requests[1]?.answers[0]?.resolve(3)
  at.requests[2]?.answers[0]?.reject(refused)
  expect(await Promise.all(answers)).toEqual([3, 'RecordRefusedError'])
})

test('what waits is bounded by bytes', async () => {
  const at = new Fixture({ maxBytes: 1_000 })
  const answers = Array.from({ length: 20 }, () => at.send('x'.repeat(50)))
  await at.clock.settle()
  await at.acknowledge(0)
  const refused = (await Promise.all(answers)).filter((answer) => answer === 'KafkaAwayError').length
  expect(refused).toBeGreaterThan(10)
  expect(refused).toBeLessThan(20)
})

test('thousands of records a second make few requests', async () => {
  const at = new Fixture()
  for (let ms = 0; ms < 1_000; ms++) {
    for (let n = 0; n < 5; n++) void at.send('x', (ms * 5 + n) % 12)
    await at.clock.advance(1)
    // Acknowledged after 3 ms.
    if (ms >= 3) at.requests.filter(({ batches }) => batches.length > 0).slice(-3, -2).forEach(({ answers }) => answers.forEach(({ resolve }) => resolve(0)))
  }
  expect(at.requests.length).toBeLessThan(400)
})
