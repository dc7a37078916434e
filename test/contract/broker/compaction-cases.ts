import { expect } from 'vitest'
import { BatchCursor } from '../../../records/batch-cursor.ts'
import type { ContractCase } from './contract-case.ts'
import type { ContractRun, ContractTopic } from './contract-run.ts'

/** Files of a moment, cleaned as soon as the cleaner comes by. */
const EAGER = { 'cleanup.policy': 'compact', 'min.cleanable.dirty.ratio': '0.001', 'segment.ms': '50' }

/** What is in the log: `offset key=value`, `-` a tombstone, `(offset)` a batch without records up to it, `commit` and `abort`. */
async function contentOf(run: ContractRun, topic: ContractTopic): Promise<string[]> {
  const content: string[] = []
  const cursor = new BatchCursor()
  let offset = 0
  for (;;) {
    const { buffer, start, end, highWatermark } = await run.fetch(topic, { fetchOffset: offset, maxWaitMs: 0 })
    cursor.reset(buffer, start, end)
    while (cursor.nextBatch()) {
      if (cursor.recordCount === 0) content.push(`(${cursor.lastOffset})`)
      while (cursor.nextRecord()) {
        if (cursor.isControl) content.push(`${cursor.offset} ${cursor.key.copy()[3] === 1 ? 'commit' : 'abort'}`)
        else content.push(`${cursor.offset} ${cursor.key}=${cursor.hasValue ? cursor.value : '-'}`)
      }
      offset = cursor.lastOffset + 1
    }
    if (offset >= highWatermark) return content
  }
}

/** Later records begin a new file: those before can be cleaned. */
async function nextFile(run: ContractRun, topic: ContractTopic, key: string): Promise<void> {
  await run.pass(100)
  await run.produce(topic, { keys: [key], values: ['open file'] })
}

async function cleaned(run: ContractRun, topic: ContractTopic, isDone: (content: string[]) => boolean): Promise<string[]> {
  return await run.until(
    async () => {
      run.compact(topic)
      return await contentOf(run, topic)
    },
    isDone,
    250,
  )
}

export const compactionCases: readonly ContractCase[] = [
  {
    name: 'of each key the last record stays, tombstones too, and nothing is done to the file that is written',
    check: async (run) => {
      const topic = await run.topic('keys', 1, EAGER)
      await run.produce(topic, { keys: ['a', 'b', 'c'], values: ['1', '1', '1'] })
      await run.produce(topic, { keys: ['a', 'd', 'b'], values: ['2', '2', undefined] })
      await nextFile(run, topic, 'a')
      const content = await cleaned(run, topic, ({ length }) => length < 7)
      expect(content).toEqual(['2 c=1', '3 a=2', '4 d=2', '5 b=-', '6 a=open file'])
      const kept = await run.fetch(topic, { fetchOffset: 1 })
      // the batch keeps its place, and tells where it ended
      expect(kept).toMatchObject({ errorCode: 0, highWatermark: 7, logStartOffset: 0 })
    },
  },
  {
    name: 'a tombstone goes in a cleaning after its delete retention, however the records around it lie',
    check: async (run) => {
      const topic = await run.topic('tombstones', 1, { ...EAGER, 'delete.retention.ms': '100' })
      await run.produce(topic, { keys: ['a', 'b'], values: ['1', '1'] })
      await run.produce(topic, { keys: ['a'], values: [undefined] })
      await nextFile(run, topic, 'x')
      expect(await cleaned(run, topic, (content) => !content.includes('0 a=1'))).toEqual(['1 b=1', '2 a=-', '3 x=open file'])
      await run.pass(200)
      await nextFile(run, topic, 'y')
      expect(await cleaned(run, topic, (content) => !content.includes('2 a=-'))).toEqual(['1 b=1', '3 x=open file', '4 y=open file'])
    },
  },
  {
    name: 'what was aborted goes, the last batch of a producer stays as an empty one, markers stay for a while',
    check: async (run) => {
      const topic = await run.topic('transactions', 1, EAGER)
      let identity = await run.identity()
      await run.append(identity, topic, { keys: ['a', 'b'], values: ['1', '1'] })
      identity = await run.end(identity, 'commit')
      await run.append(identity, topic, { keys: ['a'], values: ['lost'] })
      identity = await run.end(identity, 'abort')
      await run.append(identity, topic, { keys: ['b'], values: ['2'] })
      identity = await run.end(identity, 'commit')
      await run.stable(topic)
      await nextFile(run, topic, 'x')
      // the records, the markers between them: 0 a, 1 b, 2 commit, 3 a (aborted), 4 abort, 5 b, 6 commit, 7 x
      expect(await cleaned(run, topic, ({ length }) => length < 8)).toEqual(['0 a=1', '2 commit', '4 abort', '5 b=2', '6 commit', '7 x=open file'])
      // a fetch ends where the file ends
      expect((await run.committed(topic)).values).toEqual(['1', '2'])
    },
  },
  {
    name: 'nothing at and above the last stable offset is cleaned',
    check: async (run) => {
      const topic = await run.topic('stable', 1, EAGER)
      const identity = await run.identity()
      await run.produce(topic, { keys: ['a'], values: ['1'] })
      await run.pass(100)
      await run.produce(topic, { keys: ['a'], values: ['2'] })
      await run.append(identity, topic, { keys: ['z'], values: ['open'] })
      await run.pass(100)
      await run.produce(topic, { keys: ['a'], values: ['3'] })
      await nextFile(run, topic, 'a')
      expect(await cleaned(run, topic, ({ length }) => length < 5)).toEqual(['1 a=2', '2 z=open', '3 a=3', '4 a=open file'])
      await run.end(identity, 'abort')
    },
  },
  {
    name: 'a producer whose records were compacted away goes on in its sequence',
    check: async (run) => {
      const topic = await run.topic('producer', 1, EAGER)
      const { producerId, producerEpoch } = await run.plainIdentity(topic.leader)
      const send = (baseSequence: number, key: string) => run.produce(topic, { keys: [key], values: [`${baseSequence}`], producerId, producerEpoch, baseSequence })
      await send(0, 'a')
      await send(1, 'a')
      await run.produce(topic, { keys: ['a'], values: ['other'] })
      await nextFile(run, topic, 'x')
      expect(await cleaned(run, topic, ({ length }) => length < 4)).toEqual(['(1)', '2 a=other', '3 x=open file'])
      expect(await send(3, 'b')).toMatchObject({ errorCode: 45 })
      expect(await send(2, 'b')).toMatchObject({ errorCode: 0, baseOffset: 4 })
    },
  },
]
