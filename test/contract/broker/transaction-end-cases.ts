import { expect } from 'vitest'
import type { ContractCase } from './contract-case.ts'
import { offsetOf } from './contract-run.ts'

export const transactionEndCases: readonly ContractCase[] = [
  {
    name: 'the same EndTxn again is answered with the same success',
    check: async (run) => {
      for (const outcome of ['commit', 'abort'] as const) {
        const topic = await run.topic(outcome)
        const identity = await run.identity(outcome)
        await run.append(identity, topic)
        const next = await run.end(identity, outcome)
        expect(await run.end(identity, outcome)).toEqual(next)
        await run.stable(topic)
        expect(await run.end(identity, outcome)).toEqual(next)
      }
    },
  },
  {
    name: 'the other outcome is 48, whichever was first',
    check: async (run) => {
      for (const [first, second] of [['commit', 'abort'] as const, ['abort', 'commit'] as const]) {
        const topic = await run.topic(first)
        const identity = await run.identity(first)
        await run.append(identity, topic)
        await run.end(identity, first)
        expect((await run.end(identity, second)).errorCode).toBe(48)
        await run.stable(topic)
        expect((await run.end(identity, second)).errorCode).toBe(48)
      }
    },
  },
  {
    name: 'a commit of nothing is 48, an abort of nothing raises the epoch',
    check: async (run) => {
      const identity = await run.identity()
      expect((await run.endOnce(identity, 'commit')).errorCode).toBe(48)
      const next = await run.end(identity, 'abort')
      expect(next).toMatchObject({ errorCode: 0, producerEpoch: identity.producerEpoch + 1 })
      const after = await run.end(next, 'abort')
      expect(after).toMatchObject({ errorCode: 0, producerEpoch: identity.producerEpoch + 2 })
      expect((await run.end(after, 'commit')).errorCode).toBe(48)
    },
  },
  {
    name: 'a commit of nothing after a commit is 48',
    check: async (run) => {
      const topic = await run.topic()
      const identity = await run.identity()
      await run.append(identity, topic)
      const next = await run.end(identity, 'commit')
      await run.stable(topic)
      expect((await run.end(next, 'commit')).errorCode).toBe(48)
      expect(await run.end(next, 'abort')).toMatchObject({ errorCode: 0, producerEpoch: next.producerEpoch + 1 })
    },
  },
  {
    name: 'EndTxn of somebody else, of an older epoch, of an epoch to come',
    check: async (run) => {
      const topic = await run.topic()
      const identity = await run.identity()
      await run.append(identity, topic)
      expect((await run.endOnce({ ...identity, producerId: identity.producerId + 5_000_000 }, 'commit')).errorCode).toBe(49)
      const unknown = run.name('unknown')
      expect((await run.endOnce({ ...identity, transactionalId: unknown, node: await run.coordinator('transaction', unknown) }, 'commit')).errorCode).toBe(49)
      expect((await run.endOnce({ ...identity, producerEpoch: identity.producerEpoch + 3 }, 'commit')).errorCode).toBe(90)
      const second = await run.end(identity, 'commit')
      await run.stable(topic)
      const third = await run.end(second, 'abort')
      expect(third.errorCode).toBe(0)
      // 51 while the coordinator is still at it, whoever asks
      expect((await run.end(identity, 'commit')).errorCode).toBe(90)
    },
  },
  {
    name: 'one EndTxn ends the transaction in all its partitions',
    check: async (run) => {
      const topics = [await run.topic('a'), await run.topic('b'), await run.topic('c')]
      const identity = await run.identity()
      for (const topic of topics) await run.append(identity, topic, { values: [topic.topic] })
      await run.end(identity, 'commit')
      for (const topic of topics) expect(await run.committed(topic)).toMatchObject({ values: [topic.topic], end: 2 })
    },
  },
  {
    name: 'a transaction that is older than its time-out is aborted, and its producer kept out',
    check: async (run) => {
      const topic = await run.topic()
      const identity = await run.identity('slow', 1_000)
      await run.append(identity, topic, { values: ['lost'] })
      await run.until(() => run.fetch(topic), ({ lastStableOffset, highWatermark }) => lastStableOffset === highWatermark && highWatermark === 2, 200)
      expect((await run.committed(topic)).values).toEqual([])
      expect(await run.produceIn(identity, topic, { baseSequence: 1 })).toMatchObject({ errorCode: 47 })
      expect((await run.end(identity, 'commit')).errorCode).toBe(48)
      // one epoch behind what aborted it, so it counts as the repetition of an abort
      expect(await run.end(identity, 'abort')).toMatchObject({ errorCode: 0, producerEpoch: identity.producerEpoch + 1 })
      const next = await run.identity('slow', 1_000)
      expect(next.producerEpoch).toBe(identity.producerEpoch + 2)
    },
  },
  {
    name: 'a transaction with offsets only ends like any other',
    check: async (run) => {
      const topic = await run.topic()
      const group = await run.group()
      const identity = await run.identity()
      expect(await run.txnOffsets(identity, group, [offsetOf(topic.topic, 5)])).toEqual([{ topic: topic.topic, partition: 0, errorCode: 0 }])
      const next = await run.end(identity, 'commit')
      expect(next).toMatchObject({ errorCode: 0, producerEpoch: identity.producerEpoch + 1 })
      const fetched = await run.until(
        () => run.broker.offsetFetch(group.node, { groupId: group.groupId, partitions: [{ topic: topic.topic, partition: 0 }], requireStable: true }),
        ({ offsets }) => offsets[0]?.errorCode === 0,
      )
      expect(fetched.offsets[0]?.offset).toBe(5)
      expect((await run.fetch(topic)).highWatermark).toBe(0)
    },
  },
  {
    name: 'the partition of a transaction whose topic is deleted stops nobody',
    check: async (run) => {
      const [kept, deleted] = [await run.topic('kept'), await run.topic('deleted')]
      const identity = await run.identity()
      await run.append(identity, kept, { values: ['kept'] })
      await run.append(identity, deleted)
      await run.settled(run.broker.deleteTopics([deleted.topic]))
      await run.until(() => run.broker.metadata([deleted.topic]), ({ topics: [found] }) => found?.errorCode === 3)
      const next = await run.end(identity, 'commit')
      expect((await run.committed(kept)).values).toEqual(['kept'])
      expect((await run.append(next, kept, { values: ['more'] })).errorCode).toBe(0)
      await run.end(next, 'commit')
      expect((await run.committed(kept)).values).toEqual(['kept', 'more'])
    },
  },
]
