import { expect } from 'vitest'
import { BatchCursor } from '../../../records/batch-cursor.ts'
import type { ContractCase } from './contract-case.ts'
import { valuesIn } from './contract-run.ts'

export const transactionCases: readonly ContractCase[] = [
  {
    name: 'what is open is not read with read committed, and holds the last stable offset',
    check: async (run) => {
      const topic = await run.topic()
      const identity = await run.identity()
      await run.produce(topic, { values: ['before'] })
      await run.append(identity, topic, { values: ['open'] })
      await run.produce(topic, { values: ['behind'] })
      const committed = await run.fetch(topic, { readCommitted: true })
      expect(committed).toMatchObject({ highWatermark: 3, lastStableOffset: 1, abortedTransactions: [] })
      expect(valuesIn(committed, true)).toEqual(['before'])
      expect(valuesIn(await run.fetch(topic))).toEqual(['before', 'open', 'behind'])
      await run.end(identity, 'commit')
      expect(await run.committed(topic)).toEqual({ values: ['before', 'open', 'behind'], aborted: [], end: 4 })
    },
  },
  {
    name: 'what is aborted is listed with its first offset, and only where it was read',
    check: async (run) => {
      const topic = await run.topic()
      let identity = await run.identity()
      const { producerId } = identity
      await run.append(identity, topic, { values: ['lost', 'too'] })
      identity = await run.end(identity, 'abort')
      await run.append(identity, topic, { values: ['kept'] })
      identity = await run.end(identity, 'commit')
      expect(await run.committed(topic)).toEqual({ values: ['kept'], aborted: [{ producerId, firstOffset: 0 }], end: 5 })
      const later = await run.fetch(topic, { fetchOffset: 3, readCommitted: true })
      expect(later.abortedTransactions).toEqual([])
      expect((await run.fetch(topic)).abortedTransactions).toEqual([])
    },
  },
  {
    name: 'aborted transactions of several producers are told apart',
    check: async (run) => {
      const topic = await run.topic()
      const [one, two] = [await run.identity('one'), await run.identity('two')]
      await run.append(one, topic, { values: ['one lost'] })
      await run.append(two, topic, { values: ['two kept'] })
      await run.append(one, topic, { values: ['one lost too'], baseSequence: 1 })
      await run.end(one, 'abort')
      await run.until(() => run.fetch(topic), ({ lastStableOffset }) => lastStableOffset === 1)
      await run.end(two, 'commit')
      expect(await run.committed(topic)).toEqual({ values: ['two kept'], aborted: [{ producerId: one.producerId, firstOffset: 0 }], end: 5 })
    },
  },
  {
    name: 'the end of a transaction is a control batch of its producer with the raised epoch',
    check: async (run) => {
      const topic = await run.topic()
      const identity = await run.identity()
      await run.append(identity, topic)
      await run.end(identity, 'commit')
      await run.stable(topic)
      const { buffer, start, end } = await run.fetch(topic, { fetchOffset: 1 })
      const cursor = new BatchCursor()
      cursor.reset(buffer, start, end)
      expect(cursor.nextBatch()).toBe(true)
      expect(cursor).toMatchObject({ baseOffset: 1, isControl: true, isTransactional: true, producerId: identity.producerId, producerEpoch: identity.producerEpoch + 1, baseSequence: -1, recordCount: 1 })
      expect(cursor.nextRecord()).toBe(true)
      expect([...cursor.key.copy()]).toEqual([0, 0, 0, 1])
      expect(cursor.value.length).toBe(6)
    },
  },
  {
    name: 'each end raises the epoch; sequences begin again at 0',
    check: async (run) => {
      const topic = await run.topic()
      const first = await run.identity()
      await run.append(first, topic)
      const second = await run.end(first, 'commit')
      expect(second).toMatchObject({ errorCode: 0, producerId: first.producerId, producerEpoch: first.producerEpoch + 1 })
      await run.stable(topic)
      expect(await run.append(second, topic, { baseSequence: 1 })).toMatchObject({ errorCode: 45 })
      expect(await run.append(second, topic)).toMatchObject({ errorCode: 0, baseOffset: 2 })
    },
  },
  {
    name: 'the epoch before is refused by the partition',
    check: async (run) => {
      const topic = await run.topic()
      const first = await run.identity()
      await run.append(first, topic)
      await run.end(first, 'commit')
      await run.stable(topic)
      expect(await run.produceIn(first, topic, { values: ['late'], baseSequence: 1 })).toMatchObject({ errorCode: 47 })
    },
  },
  {
    name: 'an unanswered Produce that is sent again is in the transaction once',
    check: async (run) => {
      const topic = await run.topic()
      const identity = await run.identity()
      expect(await run.append(identity, topic, { values: ['once'] })).toMatchObject({ errorCode: 0, baseOffset: 0 })
      expect(await run.append(identity, topic, { values: ['once'] })).toMatchObject({ errorCode: 0, baseOffset: 0 })
      await run.end(identity, 'commit')
      expect((await run.committed(topic)).values).toEqual(['once'])
    },
  },
  {
    name: 'a repetition from before the end of the transaction is refused after it',
    check: async (run) => {
      const topic = await run.topic()
      const first = await run.identity()
      await run.append(first, topic, { values: ['once'] })
      await run.end(first, 'commit')
      await run.stable(topic)
      expect(await run.produceIn(first, topic, { values: ['once'] })).toMatchObject({ errorCode: 47 })
      expect((await run.committed(topic)).values).toEqual(['once'])
    },
  },
  {
    name: 'the first batch of a transaction has to begin at 0 where the producer is new',
    check: async (run) => {
      const topic = await run.topic()
      const identity = await run.identity()
      expect((await run.append(identity, topic, { baseSequence: 3 })).errorCode).toBe(45)
    },
  },
  {
    name: 'records outside of the open transaction of their producer are refused',
    check: async (run) => {
      const topic = await run.topic()
      const identity = await run.identity()
      await run.append(identity, topic)
      expect((await run.produceIn(identity, topic, { transactional: false, baseSequence: 1 })).errorCode).toBe(48)
    },
  },
  {
    name: 'InitProducerId aborts what is open, and keeps the old producer out everywhere',
    check: async (run) => {
      const topic = await run.topic()
      const old = await run.identity()
      await run.append(old, topic, { values: ['lost'] })
      const anew = await run.identity()
      expect(anew).toMatchObject({ producerId: old.producerId, producerEpoch: old.producerEpoch + 2 })
      expect((await run.committed(topic)).values).toEqual([])
      expect(await run.produceIn(old, topic, { baseSequence: 1 })).toMatchObject({ errorCode: 47 })
      expect((await run.endOnce(old, 'commit')).errorCode).toBe(90)
      expect((await run.endOnce(old, 'abort')).errorCode).toBe(90)
      await run.append(anew, topic, { values: ['kept'] })
      await run.end(anew, 'commit')
      expect((await run.committed(topic)).values).toEqual(['kept'])
    },
  },
  {
    name: 'InitProducerId without an open transaction raises the epoch by one',
    check: async (run) => {
      const first = await run.identity()
      const second = await run.identity()
      expect(second).toMatchObject({ producerId: first.producerId, producerEpoch: first.producerEpoch + 1 })
      const topic = await run.topic()
      expect((await run.produceIn(first, topic)).errorCode).toBe(47)
    },
  },
  {
    name: 'InitProducerId with an identity continues it, repeats its answer, and refuses an older one',
    check: async (run) => {
      const { transactionalId, node, producerId, producerEpoch } = await run.identity()
      const again = (epoch: number, id = producerId) => run.settled(run.broker.initProducerId(node, { transactionalId, transactionTimeoutMs: 60_000, producerId: id, producerEpoch: epoch }))
      expect(await again(producerEpoch)).toEqual({ errorCode: 0, producerId, producerEpoch: producerEpoch + 1 })
      expect(await again(producerEpoch)).toEqual({ errorCode: 0, producerId, producerEpoch: producerEpoch + 1 })
      expect(await again(producerEpoch + 1)).toEqual({ errorCode: 0, producerId, producerEpoch: producerEpoch + 2 })
      expect((await again(producerEpoch)).errorCode).toBe(90)
      expect((await again(0, producerId + 1_000_000)).errorCode).toBe(90)
    },
  },
  {
    name: 'InitProducerId refuses impossible time-outs and ids',
    check: async (run) => {
      const { transactionalId, node } = await run.identity()
      const init = (id: string, transactionTimeoutMs: number) => run.settled(run.broker.initProducerId(node, { transactionalId: id, transactionTimeoutMs, producerId: -1, producerEpoch: -1 }))
      expect((await init(transactionalId, 0)).errorCode).toBe(50)
      expect((await init(transactionalId, 900_001)).errorCode).toBe(50)
      expect((await init('', 1_000)).errorCode).toBe(42)
    },
  },
  {
    name: 'a producer that the coordinator does not know is refused',
    check: async (run) => {
      const topic = await run.topic()
      const identity = await run.identity()
      expect((await run.produceIn({ ...identity, producerId: identity.producerId + 5_000_000 }, topic)).errorCode).toBe(49)
      expect((await run.produceIn({ ...identity, producerEpoch: 7 }, topic)).errorCode).toBe(47)
      const unknown = run.name('unknown')
      await run.coordinator('transaction', unknown)
      expect((await run.produceIn({ ...identity, transactionalId: unknown }, topic)).errorCode).toBe(49)
    },
  },
]
