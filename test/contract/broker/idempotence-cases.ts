import { expect } from 'vitest'
import type { ContractCase } from './contract-case.ts'
import { valuesIn } from './contract-run.ts'

export const idempotenceCases: readonly ContractCase[] = [
  {
    name: 'a batch that is sent again is acknowledged with its first offset, and is in the log once',
    check: async (run) => {
      const topic = await run.topic()
      const { producerId, producerEpoch } = await run.plainIdentity(topic.leader)
      await run.produce(topic)
      const bytes = () => run.sealed({ values: ['once', 'too'], timestamps: [1, 2], producerId, producerEpoch, baseSequence: 0 })
      expect(await run.produceBytes(topic, bytes())).toMatchObject({ errorCode: 0, baseOffset: 1 })
      expect(await run.produceBytes(topic, bytes())).toMatchObject({ errorCode: 0, baseOffset: 1 })
      expect(valuesIn(await run.fetch(topic))).toEqual(['value', 'once', 'too'])
    },
  },
  {
    name: 'the five youngest batches are remembered; an older one is out of order',
    check: async (run) => {
      const topic = await run.topic()
      const { producerId, producerEpoch } = await run.plainIdentity(topic.leader)
      const send = (baseSequence: number) => run.produce(topic, { values: [`${baseSequence}`], producerId, producerEpoch, baseSequence })
      for (let i = 0; i < 7; i++) expect(await send(i)).toMatchObject({ errorCode: 0, baseOffset: i })
      expect(await send(2)).toMatchObject({ errorCode: 0, baseOffset: 2 })
      // not 46, which the table of errors has for it
      expect(await send(1)).toMatchObject({ errorCode: 45, baseOffset: -1 })
      expect((await run.fetch(topic)).highWatermark).toBe(7)
    },
  },
  {
    name: 'a gap in the sequence is 45, and the missing batch closes it',
    check: async (run) => {
      const topic = await run.topic()
      const { producerId, producerEpoch } = await run.plainIdentity(topic.leader)
      const send = (baseSequence: number) => run.produce(topic, { producerId, producerEpoch, baseSequence })
      expect(await send(0)).toMatchObject({ errorCode: 0 })
      expect(await send(2)).toMatchObject({ errorCode: 45 })
      expect(await send(1)).toMatchObject({ errorCode: 0, baseOffset: 1 })
      expect(await send(2)).toMatchObject({ errorCode: 0, baseOffset: 2 })
    },
  },
  {
    name: 'the first batch of a producer may have any sequence number',
    check: async (run) => {
      const topic = await run.topic()
      const { producerId, producerEpoch } = await run.plainIdentity(topic.leader)
      expect(await run.produce(topic, { producerId, producerEpoch, baseSequence: 7 })).toMatchObject({ errorCode: 0, baseOffset: 0 })
      expect(await run.produce(topic, { producerId, producerEpoch, baseSequence: 8 })).toMatchObject({ errorCode: 0, baseOffset: 1 })
    },
  },
  {
    name: 'the first batch of a new epoch begins at 0, and the old epoch is refused from then on',
    check: async (run) => {
      const topic = await run.topic()
      const { producerId } = await run.plainIdentity(topic.leader)
      const send = (producerEpoch: number, baseSequence: number) => run.produce(topic, { producerId, producerEpoch, baseSequence })
      expect(await send(0, 0)).toMatchObject({ errorCode: 0 })
      expect(await send(1, 1)).toMatchObject({ errorCode: 45 })
      expect(await send(1, 0)).toMatchObject({ errorCode: 0 })
      expect(await send(0, 1)).toMatchObject({ errorCode: 47 })
    },
  },
  {
    name: 'sequence numbers begin again at 0 behind the largest int32',
    check: async (run) => {
      const topic = await run.topic()
      const { producerId, producerEpoch } = await run.plainIdentity(topic.leader)
      const send = (baseSequence: number, values = ['v']) => run.produce(topic, { values, producerId, producerEpoch, baseSequence })
      expect(await send(2_147_483_646, ['a', 'b', 'c'])).toMatchObject({ errorCode: 0, baseOffset: 0 })
      expect(await send(1)).toMatchObject({ errorCode: 0, baseOffset: 3 })
      expect(await send(2_147_483_646, ['a', 'b', 'c'])).toMatchObject({ errorCode: 0, baseOffset: 0 })
    },
  },
  {
    name: 'a repetition with another number of records is no repetition',
    check: async (run) => {
      const topic = await run.topic()
      const { producerId, producerEpoch } = await run.plainIdentity(topic.leader)
      expect(await run.produce(topic, { values: ['a', 'b'], producerId, producerEpoch, baseSequence: 0 })).toMatchObject({ errorCode: 0 })
      expect(await run.produce(topic, { values: ['a'], producerId, producerEpoch, baseSequence: 0 })).toMatchObject({ errorCode: 45 })
    },
  },
  {
    name: 'sequences are counted by partition and by producer',
    check: async (run) => {
      const topic = await run.topic('parallel')
      const [one, two] = [await run.plainIdentity(topic.leader), await run.plainIdentity(topic.leader)]
      expect(one.producerId).not.toBe(two.producerId)
      for (const { producerId, producerEpoch } of [one, two]) expect(await run.produce(topic, { producerId, producerEpoch, baseSequence: 0 })).toMatchObject({ errorCode: 0 })
      expect((await run.fetch(topic)).highWatermark).toBe(2)
    },
  },
  {
    name: 'an id without a sequence number is no producer',
    check: async (run) => {
      const topic = await run.topic()
      const { producerId, producerEpoch } = await run.plainIdentity(topic.leader)
      expect(await run.produce(topic, { producerId, producerEpoch, baseSequence: -1 })).toMatchObject({ errorCode: 87 })
    },
  },
]
