import { expect, test } from 'vitest'
import { string } from '../serdes/string.ts'
import { VirtualClock } from '../test/support/virtual-clock.ts'
import { StreamsBuilder } from './dsl/streams-builder.ts'
import { ProcessingError } from './errors.ts'
import { type ProcessorContext, StreamRecord } from './processor.ts'
import { TaskRunner } from './testing/task-runner.ts'
import type { Topology } from './topology.ts'

const TEXT = { key: string, value: string }

/** Two topics into one: `left` and `right` to `out`. */
function merged(): Topology {
  const builder = new StreamsBuilder()
  builder.stream('left', TEXT).merge(builder.stream('right', TEXT)).to('out', TEXT)
  builder.deadLettersTo('dead')
  return builder.build()
}

test('of the heads of two topics the lower timestamp goes first; each topic keeps its order', () => {
  const at = new TaskRunner(merged(), { clock: new VirtualClock() })
  at.pipe('left', { value: 'l10', timestamp: 10 }, { value: 'l5', timestamp: 5 }, { value: 'l40', timestamp: 40 })
  at.pipe('right', { value: 'r20', timestamp: 20 }, { value: 'r30', timestamp: 30 })
  expect(at.task.head).toEqual({ taskId: '0_0', topic: 'left', offset: 0 })
  expect(at.process(3)).toBe(3)
  expect(at.task.head).toEqual({ taskId: '0_0', topic: 'right', offset: 1 })
  expect(at.process()).toBe(2)
  expect(at.out('out').map((text) => text.split('=')[1])).toEqual(['l10', 'l5', 'r20', 'r30', 'l40'])
  expect(at.task.head).toBeUndefined()
})

test('an empty topic holds the other one up in nothing', () => {
  const at = new TaskRunner(merged(), { clock: new VirtualClock() })
  at.pipe('right', { value: 'r' })
  expect(at.process()).toBe(1)
})

test('the offsets to commit are those of the next records, with the time of what was processed', () => {
  const at = new TaskRunner(merged(), { clock: new VirtualClock() })
  at.pipe('left', { value: 'l', timestamp: 10 }, { value: 'l', timestamp: 50 })
  expect(at.task.positionMoved).toBe(false)
  at.process(1)
  expect(at.task.positionMoved).toBe(true)
  const offsets = at.task.offsetsToCommit().map(({ topic, offset, metadata }) => [topic, offset, metadata])
  expect(offsets).toEqual([
    ['left', 1, 't=10'],
    ['right', 0, ''],
  ])
  expect(at.task.positionMoved).toBe(false)
})

test('a processor that throws leaves the record where it is, and the error says which one it was', () => {
  const builder = new StreamsBuilder()
  builder
    .stream('in', TEXT)
    .peek(({ value }) => {
      if (value === 'boom') throw new Error('no such thing')
    })
    .to('out', TEXT)
  const at = new TaskRunner(builder.build(), { clock: new VirtualClock() })
  at.pipe('in', { value: 'a' }, { value: 'boom' }, { value: 'b' })
  expect(() => at.process()).toThrow(ProcessingError)
  expect(() => at.process()).toThrow('task 0_0 could not process in-0@1: no such thing')
  expect(at.task.head?.offset).toBe(1)
})

test('a dead letter carries the record, its origin and the error; a bare one only the latter', () => {
  const at = new TaskRunner(merged(), { clock: new VirtualClock(), partitions: 3, partition: 2 })
  at.pipe('left', { key: 'k', value: 'v', timestamp: 7 }, { key: 'k', value: 'v2', timestamp: 8 })
  at.task.deadLetterHead(new TypeError('not a trade'), 'whole')
  at.task.deadLetterHead(new TypeError('not a trade'), 'bare')
  const [whole, bare] = at.written().get('dead') ?? []
  expect(whole).toMatchObject({ partition: 2, key: 'k', value: 'v', timestamp: 7 })
  expect(bare).toMatchObject({ partition: 2, key: undefined, value: undefined, timestamp: 8 })
  const headers = Object.fromEntries(whole?.headers ?? [])
  expect(headers).toMatchObject({
    '__streams.errors.exception': 'TypeError',
    '__streams.errors.message': 'not a trade',
    '__streams.errors.topic': 'left',
    '__streams.errors.partition': '2',
    '__streams.errors.offset': '0',
  })
  expect(at.process()).toBe(0)
})

test('a processor knows where the record comes from, and in a punctuation that there is none', async () => {
  const clock = new VirtualClock()
  const seen: unknown[] = []
  const builder = new StreamsBuilder()
  builder.stream('in', TEXT).process('look', (context: ProcessorContext) => {
    const look = () => seen.push([context.taskId, context.partition, context.topic, context.offset, context.sourcePartitions])
    context.schedule(100, look)
    return { process: look }
  })
  const at = new TaskRunner(builder.build(), { clock, partitions: 4, partition: 3 })
  at.pipe('in', { value: 'a' }, { value: 'b' })
  at.process()
  await clock.advance(100)
  expect(at.task.punctuate(clock.now())).toBe(true)
  expect(seen).toEqual([
    ['0_3', 3, 'in', 0, 4],
    ['0_3', 3, 'in', 1, 4],
    ['0_3', 3, '', -1, 4],
  ])
})

test('what a punctuation writes belongs to its task; one that throws stops the thread', async () => {
  const clock = new VirtualClock()
  const builder = new StreamsBuilder()
  let isBroken = false
  builder
    .stream('in', TEXT)
    .process<{ out: [string, string] }>('tick', (context) => {
      const out = context.output<string, string>('out')
      context.schedule(100, (nowMs) => {
        if (isBroken) throw new Error('out of order')
        out(new StreamRecord('k', 'tick', nowMs))
      })
      return { process() {} }
    })
    .output('out')
    .to('out', TEXT)
  const at = new TaskRunner(builder.build(), { clock })
  expect(at.task.punctuate(clock.now())).toBe(false)
  await clock.advance(100)
  at.task.punctuate(clock.now())
  expect([...at.collector.open.taskIds]).toEqual(['0_0'])
  expect(at.out('out')).toEqual(['k=tick'])
  isBroken = true
  await clock.advance(100)
  expect(() => at.task.punctuate(clock.now())).toThrow('a punctuation of task 0_0 failed: out of order')
})

test('taken up anew, a task has new processors, and the old ones were closed', () => {
  const calls: string[] = []
  let made = 0
  const builder = new StreamsBuilder()
  builder.stream('in', TEXT).process('life', () => {
    const name = `${++made}`
    return { init: () => calls.push(`init ${name}`), process() {}, close: () => calls.push(`close ${name}`) }
  })
  const at = new TaskRunner(builder.build(), { clock: new VirtualClock() })
  at.resume()
  at.task.close()
  expect(calls).toEqual(['init 1', 'close 1', 'init 2', 'close 2'])
  expect(at.task.state).toBe('closed')
})

test('a store that a processor is not connected to is refused, with the ones that it is', () => {
  const builder = new StreamsBuilder().store({ name: 'mine' }).store({ name: 'other' })
  builder.stream('in', TEXT).process('nosy', (context) => {
    context.store('other')
    return { process() {} }
  }, { stores: ['mine'] })
  expect(() => new TaskRunner(builder.build(), { clock: new VirtualClock() })).toThrow('processor nosy asked for store other, which it is not connected to (mine)')
})
