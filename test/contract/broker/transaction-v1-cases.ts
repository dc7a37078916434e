import { expect } from 'vitest'
import type { ContractCase } from './contract-case.ts'
import { type Batch, type ContractRun, type ContractTopic, type Identity, offsetOf } from './contract-run.ts'

/** The requests of V1, which a cluster with V2 understands too: what the producer sends decides. */
class V1Producer {
  readonly #run: ContractRun
  readonly identity: Identity

  constructor(run: ContractRun, identity: Identity) {
    this.#run = run
    this.identity = identity
  }

  async add(topics: readonly ContractTopic[], identity = this.identity): Promise<number[]> {
    const { node, transactionalId, producerId, producerEpoch } = identity
    const partitions = topics.map(({ topic }) => ({ topic, partition: 0 }))
    const ask = () => this.#run.broker.addPartitionsToTxn(node, { transactionalId, producerId, producerEpoch, partitions })
    const answers = await this.#run.until(ask, (found) => found.every(({ errorCode }) => errorCode !== 51))
    return topics.map(({ topic }) => answers.find((answer) => answer.topic === topic)?.errorCode ?? -1)
  }

  /** 19: the coordinator is still at it. */
  async produce(topic: ContractTopic, batch: Batch): Promise<number> {
    const { producerId, producerEpoch, transactionalId } = this.identity
    const bytes = () => this.#run.sealed({ producerId, producerEpoch, baseSequence: 0, transactional: true, ...batch })
    return (await this.#run.until(() => this.#run.produceBytes(topic, bytes(), transactionalId, 0, false), ({ errorCode }) => errorCode !== 19)).errorCode
  }

  async end(outcome: 'commit' | 'abort', identity = this.identity) {
    const { node, transactionalId, producerId, producerEpoch } = identity
    const ask = () => this.#run.broker.endTxn(node, { transactionalId, producerId, producerEpoch, committed: outcome === 'commit', transactionsV2: false })
    return await this.#run.until(ask, ({ errorCode }) => errorCode !== 51)
  }
}

export const transactionV1Cases: readonly ContractCase[] = [
  {
    name: 'partitions are added, records committed or aborted, and epoch and sequence go on',
    check: async (run) => {
      const topic = await run.topic()
      const producer = new V1Producer(run, await run.identity())
      expect(await producer.add([topic])).toEqual([0])
      expect(await producer.produce(topic, { values: ['kept'] })).toBe(0)
      expect(await producer.end('commit')).toEqual({ errorCode: 0, producerId: -1, producerEpoch: -1 })
      expect(await producer.add([topic])).toEqual([0])
      expect(await producer.produce(topic, { values: ['lost'], baseSequence: 1 })).toBe(0)
      expect((await producer.end('abort')).errorCode).toBe(0)
      expect(await producer.add([topic])).toEqual([0])
      expect(await producer.produce(topic, { values: ['kept too'], baseSequence: 2 })).toBe(0)
      await producer.end('commit')
      expect((await run.committed(topic)).values).toEqual(['kept', 'kept too'])
    },
  },
  {
    name: 'a partition that was not added is refused',
    check: async (run) => {
      const [added, other] = [await run.topic('added'), await run.topic('other')]
      const producer = new V1Producer(run, await run.identity())
      expect(await producer.produce(other, {})).toBe(120)
      await producer.add([added])
      expect(await producer.produce(other, {})).toBe(120)
      expect((await run.fetch(other)).highWatermark).toBe(0)
    },
  },
  {
    name: 'adding what is not there adds nothing',
    check: async (run) => {
      const topic = await run.topic()
      const producer = new V1Producer(run, await run.identity())
      expect(await producer.add([topic, { ...topic, topic: run.name('missing') }])).toEqual([55, 3])
      expect(await producer.produce(topic, {})).toBe(120)
    },
  },
  {
    name: 'adding of a stranger and of a fenced producer is refused',
    check: async (run) => {
      const topic = await run.topic()
      const old = await run.identity()
      const producer = new V1Producer(run, await run.identity())
      expect(await producer.add([topic], old)).toEqual([90])
      expect(await producer.add([topic], { ...old, producerId: old.producerId + 5_000_000 })).toEqual([49])
      expect((await producer.end('commit', old)).errorCode).toBe(90)
    },
  },
  {
    name: 'the end again is the same success, the other one 48; without a transaction it is 48',
    check: async (run) => {
      const topic = await run.topic()
      const producer = new V1Producer(run, await run.identity())
      expect((await producer.end('commit')).errorCode).toBe(48)
      expect((await producer.end('abort')).errorCode).toBe(48)
      await producer.add([topic])
      await producer.produce(topic, {})
      for (let i = 0; i < 2; i++) expect((await producer.end('commit')).errorCode).toBe(0)
      expect((await producer.end('abort')).errorCode).toBe(48)
    },
  },
  {
    name: 'a partition that was added and not written to gets a marker all the same',
    check: async (run) => {
      const topic = await run.topic()
      const producer = new V1Producer(run, await run.identity())
      await producer.add([topic])
      await producer.end('commit')
      expect((await run.until(() => run.fetch(topic), ({ highWatermark }) => highWatermark > 0)).highWatermark).toBe(1)
    },
  },
  {
    name: 'offsets of a group that was added are committed with the transaction; of one that was not, they are refused',
    check: async (run) => {
      const topic = await run.topic()
      const group = await run.group()
      const { node, transactionalId, producerId, producerEpoch } = await run.identity()
      const producer = new V1Producer(run, { node, transactionalId, producerId, producerEpoch })
      const request = { transactionalId, transactionsV2: false, producerId, producerEpoch, groupId: group.groupId, generationId: -1, memberId: '', groupInstanceId: undefined, offsets: [offsetOf(topic.topic, 9)] }
      const commit = async () => (await run.settled(run.broker.txnOffsetCommit(group.node, transactionalId, request))).map(({ errorCode }) => errorCode)
      expect(await commit()).toEqual([120])
      expect(await run.settled(run.broker.addOffsetsToTxn(node, { transactionalId, producerId, producerEpoch, groupId: group.groupId }))).toEqual({ errorCode: 0 })
      expect(await commit()).toEqual([0])
      await producer.end('commit')
      const partitions = [{ topic: topic.topic, partition: 0 }]
      const stable = await run.until(() => run.broker.offsetFetch(group.node, { groupId: group.groupId, partitions, requireStable: true }), ({ offsets }) => offsets[0]?.errorCode === 0)
      expect(stable.offsets[0]?.offset).toBe(9)
    },
  },
]
