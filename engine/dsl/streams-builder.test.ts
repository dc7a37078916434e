import { expect, test } from 'vitest'
import type { ByteView } from '../../records/byte-view.ts'
import { json } from '../../serdes/json.ts'
import { string } from '../../serdes/string.ts'
import { VirtualClock } from '../../test/support/virtual-clock.ts'
import { TaskRunner } from '../testing/task-runner.ts'
import { RAW, StreamsBuilder } from './streams-builder.ts'

const TEXT = { key: string, value: string }

function run(build: (builder: StreamsBuilder) => void, options: { partitions?: number; partition?: number } = {}): TaskRunner {
  const builder = new StreamsBuilder()
  build(builder)
  return new TaskRunner(builder.build(), { clock: new VirtualClock(), ...options })
}

test('filter, mapValues and flatMapValues; a record without a value keeps none, and yields none', () => {
  const at = run((builder) => {
    const words = builder.stream('in', TEXT)
    words.filter((value) => value !== 'b').to('filtered', TEXT)
    words.mapValues((value, key) => `${key}${value}`).to('mapped', TEXT)
    words.flatMapValues((value) => [value, `${value}!`]).to('flat', TEXT)
  })
  at.pipe('in', { key: 'k', value: 'a' }, { key: 'k', value: 'b' }, { key: 'k' })
  at.process()
  const written = at.written()
  const texts = (topic: string) => (written.get(topic) ?? []).map(({ key, value }) => `${key}=${value}`)
  expect(texts('filtered')).toEqual(['k=a', 'k=undefined'])
  expect(texts('mapped')).toEqual(['k=ka', 'k=kb', 'k=undefined'])
  expect(texts('flat')).toEqual(['k=a', 'k=a!', 'k=b', 'k=b!'])
})

test('map changes the key, and with it the partition; without a key it is that of the input', () => {
  const at = run((builder) => builder.stream('in', TEXT).map((key, value) => [value === 'none' ? undefined : value, key] as const).to('out', TEXT), { partitions: 4, partition: 3 })
  at.pipe('in', { key: 'k', value: '21' }, { key: 'k', value: 'none' })
  at.process()
  // murmur2("21") & 0x7fffffff is 973932308: Kafka's own test vector
  expect(at.written().get('out')?.map(({ partition, key }) => [partition, key])).toEqual([
    [973_932_308 % 4, '21'],
    [3, undefined],
  ])
})

test('peek sees every record and changes nothing', () => {
  const seen: (string | undefined)[] = []
  const at = run((builder) => builder.stream('in', TEXT).peek(({ value }) => seen.push(value)).to('out', TEXT))
  at.pipe('in', { key: 'k', value: 'a' }, { key: 'k', value: 'b' })
  at.process()
  expect(seen).toEqual(['a', 'b'])
  expect(at.out('out')).toEqual(['k=a', 'k=b'])
})

test('a child that changes the record does not change it for its sisters', () => {
  const at = run((builder) => {
    const source = builder.stream('in', TEXT)
    source.peek((record) => {
      record.value = 'changed'
      record.timestamp = 1
    })
    source.to('out', TEXT)
  })
  at.pipe('in', { key: 'k', value: 'a', timestamp: 77 })
  at.process()
  expect(at.written().get('out')).toMatchObject([{ value: 'a', timestamp: 77 }])
})

test('aggregate and count keep their state by key and hand on each change', () => {
  const at = run((builder) => {
    const grouped = builder.stream('in', TEXT).groupByKey()
    grouped.count('counts', json<number>()).to('counted', { key: string, value: json<number>() })
    grouped.aggregate('joined', { initial: () => '', add: (_key, value, all) => all + value, value: string }).to('joined-up', TEXT)
  })
  at.pipe('in', { key: 'a', value: 'x' }, { key: 'b', value: 'y' }, { key: 'a', value: 'z' }, { value: 'keyless' }, { key: 'a' })
  at.process()
  const written = at.written()
  expect(written.get('counted')?.map(({ key, value }) => `${key}=${value}`)).toEqual(['a=1', 'b=1', 'a=2'])
  expect(written.get('joined-up')?.map(({ key, value }) => `${key}=${value}`)).toEqual(['a=x', 'b=y', 'a=xz'])
  expect(written.get('app-counts-changelog')?.map(({ key, value }) => `${key}=${value}`)).toEqual(['a=1', 'b=1', 'a=2'])
})

test('outputs of a processor go their own ways; bytes pass through as they are', () => {
  const at = run((builder) => {
    const split = builder.stream('in', RAW).process<{ long: [ByteView, ByteView]; short: [ByteView, ByteView] }>('split', (context) => {
      const [long, short] = [context.output<ByteView, ByteView>('long'), context.output<ByteView, ByteView>('short')]
      return { process: (record) => ((record.value?.length ?? 0) > 3 ? long : short)(record) }
    })
    split.output('long').to('long', RAW)
    split.output('short').to('short', RAW)
  })
  at.pipe('in', { key: 'k', value: 'abc' }, { key: 'k', value: 'abcd' })
  at.process()
  const written = at.written()
  expect([written.get('long')?.map(({ value }) => value), written.get('short')?.map(({ value }) => value)]).toEqual([['abcd'], ['abc']])
})

test('state by a key that a step changed is refused, and the message says what to do', () => {
  const builder = new StreamsBuilder()
  const mapped = builder.stream('in', TEXT).map((key, value) => [value, key] as const)
  expect(() => mapped.groupByKey()).toThrow(/groupByKey after a step that changed the key.*write them to a topic/)
})
