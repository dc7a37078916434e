import { expect, test } from 'vitest'
import { ByteView } from '../records/byte-view.ts'
import { readAll } from '../records/testing/batches.ts'
import { RecordCollector } from './record-collector.ts'

const view = ByteView.of

test('records of one partition share a batch, whoever writes them; partitions do not', () => {
  const collector = new RecordCollector(new Map([['out', 3]]))
  const topic = collector.topic('out')
  expect(collector.topic('out')).toBe(topic)
  topic.append(0, 1, view('a'), view('1'), undefined)
  topic.append(2, 2, view('b'), view('2'), undefined)
  topic.append(0, 3, undefined, undefined, undefined)
  const { batches, number } = collector.seal()
  expect(batches.map(({ partition, builder }) => [partition, builder.recordCount])).toEqual([
    [0, 2],
    [2, 1],
  ])
  const [first] = batches
  expect(first && readAll(first.builder.sealPlain()).map(({ key, value, timestamp }) => [key, value, timestamp])).toEqual([
    ['a', '1', 1],
    [undefined, undefined, 3],
  ])
  topic.append(0, 4, view('a'), undefined, undefined)
  expect(collector.open).toMatchObject({ number: number + 1 })
  expect(collector.open.batches).toHaveLength(1)
})

test('a transaction is full when a batch nears what a topic takes, or all of them what memory should', () => {
  const collector = new RecordCollector(new Map([['out', 40]]))
  const topic = collector.topic('out')
  topic.append(0, 1, undefined, view('x'.repeat(600_000)), undefined)
  expect(collector.full).toBe(false)
  topic.append(0, 1, undefined, view('x'.repeat(110_000)), undefined)
  expect(collector.full).toBe(true)
  collector.seal()
  expect(collector.full).toBe(false)
  const wide = view('x'.repeat(500_000))
  for (let partition = 0; partition < 31; partition++) topic.append(partition, 1, undefined, wide, undefined)
  expect(collector.full).toBe(false)
  for (let partition = 31; partition < 34; partition++) topic.append(partition, 1, undefined, wide, undefined)
  expect(collector.full).toBe(true)
})

test('how much a transaction may hold is a setting', () => {
  const collector = new RecordCollector(new Map([['out', 1]]), 1_000)
  collector.topic('out').append(0, 1, undefined, view('x'.repeat(500)), undefined)
  expect([collector.full, collector.openBytes > 500]).toEqual([false, true])
  collector.topic('out').append(0, 1, undefined, view('x'.repeat(500)), undefined)
  expect(collector.full).toBe(true)
})

test('what does not fit any more goes into a further batch; a record that is too large alone goes alone, for the broker to refuse', () => {
  const collector = new RecordCollector(new Map([['out', 1]]))
  const topic = collector.topic('out')
  for (const bytes of [600_000, 600_000, 2_000_000, 10]) topic.append(0, 1, undefined, view('x'.repeat(bytes)), undefined)
  expect(collector.seal().batches.map(({ builder }) => builder.recordCount)).toEqual([1, 1, 1, 1])
})

test('builders are used again, and what they sent before is not in what they send next', () => {
  const collector = new RecordCollector(new Map([['out', 1]]))
  collector.topic('out').append(0, 1, view('a'), view('first'), undefined)
  const first = collector.seal()
  const used = first.batches[0]?.builder
  used?.seal()
  collector.recycle(first)
  collector.topic('out').append(0, 1, view('a'), view('second'), undefined)
  const [second] = collector.seal().batches
  expect(second?.builder).toBe(used)
  expect(second && readAll(second.builder.sealPlain()).map(({ value }) => value)).toEqual(['second'])
})
