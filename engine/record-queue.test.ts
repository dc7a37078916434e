import { expect, test } from 'vitest'
import type { FetchedChunk } from '../ports/kafka-client.ts'
import { RecordQueue } from './record-queue.ts'
import { ModelLog } from './testing/model-log.ts'

function queueAt(position: number): RecordQueue {
  return new RecordQueue({ topic: 'in', partition: 0, position, partitionTime: -1 })
}

function chunkAt(log: ModelLog, offset: number): FetchedChunk {
  const chunk = log.chunk(offset, true)
  if (chunk === undefined) throw new Error(`nothing at ${offset}`)
  return chunk
}

function drain(queue: RecordQueue): string[] {
  const found: string[] = []
  for (; queue.hasHead; queue.advance()) found.push(`${queue.position}:${queue.cursor.value.toString()}`)
  return found
}

test('the position is that of the head, and behind the last record the next fetch position', () => {
  const log = new ModelLog('in', 0)
  log.write([{ value: 'a' }, { value: 'b' }])
  const queue = queueAt(0)
  expect([queue.hasHead, queue.position, queue.lag]).toEqual([false, 0, undefined])
  queue.push(chunkAt(log, 0))
  expect([queue.hasHead, queue.position, queue.lag]).toEqual([true, 0, 2])
  queue.advance()
  expect([queue.position, queue.lag]).toEqual([1, 1])
  queue.advance()
  expect([queue.hasHead, queue.position, queue.lag]).toEqual([false, 2, 0])
})

test('markers and aborted records move the position, and are never a head', () => {
  const log = new ModelLog('in', 0)
  log.writeOpen([{ value: 'a' }], 5)
  log.endTransaction(5, true)
  log.writeOpen([{ value: 'never' }, { value: 'never' }], 6)
  log.endTransaction(6, false)
  log.writeOpen([{ value: 'b' }], 5)
  log.endTransaction(5, true)
  const queue = queueAt(0)
  queue.push(chunkAt(log, 0))
  expect(drain(queue)).toEqual(['0:a', '5:b'])
  expect(queue.position).toBe(7)
})

test('a chunk of nothing but a marker moves the position at once; behind a head it waits its turn', () => {
  const log = new ModelLog('in', 0)
  log.writeOpen([{ value: 'a' }], 5)
  log.endTransaction(5, true)
  const marker = chunkAt(log, 1)
  const idle = queueAt(1)
  idle.push(marker)
  expect([idle.hasHead, idle.position, idle.bufferedBytes]).toEqual([false, 2, 0])
  const first = new ModelLog('in', 0)
  first.write([{ value: 'a' }])
  const busy = queueAt(0)
  busy.push(chunkAt(first, 0))
  busy.push(marker)
  expect(busy.position).toBe(0)
  expect(busy.bufferedBytes).toBeGreaterThan(0)
  busy.advance()
  expect([busy.position, busy.bufferedBytes]).toEqual([2, 0])
})

test('thousands of markers behind a head are no recursion', () => {
  const log = new ModelLog('in', 0)
  log.write([{ value: 'a' }])
  const queue = queueAt(0)
  queue.push(chunkAt(log, 0))
  const marked = new ModelLog('in', 0)
  marked.writeOpen([{ value: 'x' }], 5)
  marked.endTransaction(5, true)
  const marker = chunkAt(marked, 1)
  for (let i = 0; i < 20_000; i++) queue.push(marker)
  queue.advance()
  expect([queue.hasHead, queue.bufferedBytes]).toEqual([false, 0])
})

test('records before the position, in a batch that begins before it, are left out', () => {
  const log = new ModelLog('in', 0)
  log.write([{ value: 'a' }, { value: 'b' }, { value: 'c' }])
  const queue = queueAt(2)
  queue.push(chunkAt(log, 2))
  expect(drain(queue)).toEqual(['2:c'])
})

test('the partition time is that of what was processed: it travels with the position', () => {
  const log = new ModelLog('in', 0)
  log.write([{ value: 'a', timestamp: 50 }, { value: 'b', timestamp: 90 }, { value: 'c', timestamp: 70 }])
  const queue = queueAt(0)
  queue.push(chunkAt(log, 0))
  const times = [queue.partitionTime]
  for (; queue.hasHead; times.push(queue.partitionTime)) queue.advance()
  expect(times).toEqual([-1, 50, 90, 90])
})

test('a damaged batch stops the thread, with topic, partition and offset', () => {
  const log = new ModelLog('in', 0)
  log.write([{ value: 'a' }])
  const chunk = chunkAt(log, 0)
  chunk.buffer[chunk.buffer.length - 2] = 99
  expect(() => queueAt(0).push(chunk)).toThrow(/input in-0 cannot be read on from offset 0: corrupt record batch/)
})
