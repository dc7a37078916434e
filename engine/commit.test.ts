import { expect, test } from 'vitest'
import type { GroupGeneration } from '../ports/broker.ts'
import { noFailpoint } from '../ports/failpoint.ts'
import type { TransactionalProducer } from '../ports/kafka-client.ts'
import { KafkaError } from '../ports/kafka-error.ts'
import { ByteView } from '../records/byte-view.ts'
import { stampBatch } from '../records/record-batch.ts'
import { contentOf } from '../stores/testing/changelog.ts'
import { VirtualClock } from '../test/support/virtual-clock.ts'
import { ChangelogStore } from './changelog-store.ts'
import { Committer, type CurrentGeneration } from './commit.ts'
import { RecordCollector } from './record-collector.ts'
import { ModelStore } from './testing/model-stores.ts'
import type { Transaction } from './transaction.ts'

const GENERATION: GroupGeneration = { groupId: 'g', generationId: 5, memberId: 'm', groupInstanceId: 'i' }

/** Producers that answer when the test says so; `journal` has what was asked of them. */
class Fixture {
  readonly clock = new VirtualClock()
  readonly journal: string[] = []
  readonly waiting = new Map<string, PromiseWithResolvers<void>>()
  readonly store = new ModelStore({ name: 's' })
  readonly collector = new RecordCollector(new Map([['out', 1]]))
  readonly changelog = new ChangelogStore({ topic: 'c', partition: 0, taskId: '0_0', store: this.store, collector: this.collector })
  readonly failed: string[] = []
  losses = 0
  current: CurrentGeneration | undefined = { generation: GENERATION, tasks: new Set(['0_0']) }
  newer: Promise<void> = Promise.reject(new Error('no newer generation'))
  readonly committer: Committer
  #nextOffset = 0

  constructor(producers = 2) {
    this.newer.catch(() => {})
    const membership = { fixture: this, get current() { return this.fixture.current }, get losses() { return this.fixture.losses }, newerGeneration: () => this.newer }
    this.committer = new Committer({
      producers: ['a', 'b'].slice(0, producers).map((name) => this.#producer(name)),
      membership,
      failpoint: noFailpoint,
      storeFailed: (store, error) => {
        store.failed = true
        this.failed.push(error.message)
      },
    })
  }

  /** A transaction that counts `key` to `value`, committed; answers how that ended. */
  commit(key: string, value: string): Promise<unknown> {
    this.changelog.put(ByteView.of(key), ByteView.of(value), 1)
    const transaction: Transaction = this.collector.seal()
    transaction.offsets.push({ topic: 'in', partition: 0, offset: 1, leaderEpoch: -1, metadata: '' })
    return this.committer.commit(transaction).then(
      () => 'committed',
      (error: unknown) => error,
    )
  }

  /** Answers a request, and lets follow what follows. */
  async answer(request: string, error?: Error): Promise<void> {
    const waiting = this.waiting.get(request)
    if (waiting === undefined) throw new Error(`${request} is not waiting; ${this.journal.join(', ')}`)
    this.waiting.delete(request)
    if (error === undefined) waiting.resolve()
    else waiting.reject(error)
    await this.clock.settle()
  }

  read(key: string): string | undefined {
    const into = new ByteView()
    return this.changelog.get(ByteView.of(key), into) ? into.toString() : undefined
  }

  async #ask(request: string): Promise<void> {
    this.journal.push(request)
    const waiting = Promise.withResolvers<void>()
    this.waiting.set(request, waiting)
    await waiting.promise
  }

  #producer(name: string): TransactionalProducer {
    return {
      transactionalId: name,
      initialise: () => Promise.resolve(),
      produce: async (batches) => {
        await this.#ask(`produce ${name}`)
        // as a producer does: it stamps the bytes
        for (const { bytes } of batches) stampBatch(bytes, { producerId: 1, producerEpoch: 0, baseSequence: 0 })
        const base = this.#nextOffset
        this.#nextOffset += batches.length + 1
        return batches.map((_, i) => base + i)
      },
      commitOffsets: (_, { generationId }) => this.#ask(`offsets ${name} ${generationId}`),
      end: (outcome) => this.#ask(`end ${name} ${outcome}`),
      close: () => Promise.resolve(),
    }
  }
}

test('order: n+1 sends nothing before produce and offsets of n are acknowledged', async () => {
  const at = new Fixture()
  const first = at.commit('k', '1')
  void at.commit('k', '2')
  await at.clock.settle()
  expect(at.journal).toEqual(['produce b', 'offsets b 5'])
  await at.answer('produce b')
  expect(at.journal).toHaveLength(2)
  await at.answer('offsets b 5')
  expect(at.journal.slice(2).toSorted()).toEqual(['end b commit', 'offsets a 5', 'produce a'])
  await at.answer('end b commit')
  expect(await first).toBe('committed')
})

test('produce and offsets leave together, so that they travel behind one another on one connection', () => {
  const at = new Fixture()
  void at.commit('k', '1')
  // Only the wait for the commit before lies between, which is over.
  return Promise.resolve().then(() => expect(at.journal).toEqual(['produce b', 'offsets b 5']))
})

test('prefix: EndTxn of n+1 waits for that of n, and is not sent if n fails', async () => {
  const at = new Fixture()
  const first = at.commit('k', '1')
  const second = at.commit('k', '2')
  await at.clock.settle()
  for (const request of ['produce b', 'offsets b 5', 'produce a', 'offsets a 5']) await at.answer(request)
  expect(at.journal.filter((entry) => entry.startsWith('end'))).toEqual(['end b commit'])
  expect(at.committer.inFlight).toBe(2)
  const fenced = new KafkaError({ code: 90, errorName: 'PRODUCER_FENCED', scope: 'fenced' }, 'EndTxn')
  await at.answer('end b commit', fenced)
  expect([await first, await second]).toEqual([fenced, fenced])
  expect(at.journal.filter((entry) => entry.startsWith('end'))).toEqual(['end b commit'])
  expect(at.committer).toMatchObject({ inFlight: 0, ready: false })
  at.committer.reset()
  expect(at.committer.ready).toBe(true)
})

test('committed only: the store holds a batch when EndTxn has answered, in order; reads see it all the time', async () => {
  const at = new Fixture()
  const first = at.commit('k', '1')
  const second = at.commit('k', '2')
  await at.clock.settle()
  for (const request of ['produce b', 'offsets b 5', 'produce a', 'offsets a 5']) await at.answer(request)
  expect([...contentOf(at.store)]).toEqual([])
  expect(at.read('k')).toBe('2')
  await at.answer('end b commit')
  expect([...contentOf(at.store)]).toEqual([['k', '1']])
  expect(at.read('k')).toBe('2')
  await at.answer('end a commit')
  expect([await first, await second]).toEqual(['committed', 'committed'])
  expect([...contentOf(at.store)]).toEqual([['k', '2']])
})

test('fence: what is refused for its generation is repeated under the newer one, in the same transaction', async () => {
  const at = new Fixture()
  const newer = Promise.withResolvers<void>()
  at.newer = newer.promise
  const done = at.commit('k', '1')
  await at.clock.settle()
  await at.answer('produce b')
  await at.answer('offsets b 5', new KafkaError({ code: 22, errorName: 'ILLEGAL_GENERATION', scope: 'generation' }, ''))
  expect(at.journal).toEqual(['produce b', 'offsets b 5'])
  at.current = { generation: { ...GENERATION, generationId: 6 }, tasks: new Set(['0_0']) }
  newer.resolve()
  await at.clock.settle()
  await at.answer('offsets b 6')
  await at.answer('end b commit')
  expect(await done).toBe('committed')
})

test.each([
  ['in the newer generation the task is not ours', { generation: GENERATION, tasks: new Set(['0_1']) }],
  ['the membership is lost', undefined],
])('fence: nothing is committed where %s', async (_, current) => {
  const at = new Fixture()
  at.current = current
  const done = at.commit('k', '1')
  await at.clock.settle()
  await at.answer('produce b')
  expect(await done).toMatchObject({ name: 'TaskMigratedError' })
  expect(at.journal).toEqual(['produce b'])
})

test('fence: what has waited for the commit before it, while its membership was lost and another one came, is not committed in that one', async () => {
  const at = new Fixture()
  const first = at.commit('k', '1')
  const second = at.commit('k', '2')
  await at.clock.settle()
  at.losses = 1
  at.current = { generation: { ...GENERATION, generationId: 9, memberId: 'another' }, tasks: new Set(['0_0']) }
  await at.answer('produce b')
  await at.answer('offsets b 5')
  await at.answer('produce a')
  expect(await second).toMatchObject({ name: 'TaskMigratedError' })
  expect(at.journal).not.toContain('offsets a 9')
  await at.answer('end b commit')
  expect(await first).toBe('committed')
})

test('a member that the group does not know has lost its tasks', async () => {
  const at = new Fixture()
  const done = at.commit('k', '1')
  await at.clock.settle()
  await at.answer('offsets b 5', new KafkaError({ code: 25, errorName: 'UNKNOWN_MEMBER_ID', scope: 'member' }, ''))
  await at.answer('produce b')
  expect(await done).toMatchObject({ name: 'TaskMigratedError' })
})

test('a commit has failed only when both of its requests have ended: nothing on the way meets the abort', async () => {
  const at = new Fixture()
  let hasEnded = false
  void at.commit('k', '1').then(() => {
    hasEnded = true
  })
  await at.clock.settle()
  await at.answer('offsets b 5', new KafkaError({ code: 90, errorName: 'PRODUCER_FENCED', scope: 'fenced' }, ''))
  expect(hasEnded).toBe(false)
  await at.answer('produce b')
  expect(hasEnded).toBe(true)
})

test('a store that failed takes nothing of later transactions: its position must not pass what it lacks', async () => {
  const at = new Fixture(1)
  at.store.failing = 1
  const first = at.commit('k', '1')
  await at.clock.settle()
  for (const request of ['produce a', 'offsets a 5', 'end a commit']) await at.answer(request)
  expect(await first).toBe('committed')
  await at.store.close()
  const second = at.commit('k', '2')
  await at.clock.settle()
  for (const request of ['produce a', 'offsets a 5', 'end a commit']) await at.answer(request)
  expect(await second).toBe('committed')
  expect(at.failed).toHaveLength(1)
  expect(at.store.position).toBeUndefined()
})

test('with one producer the next transaction waits until the last one is applied', async () => {
  const at = new Fixture(1)
  void at.commit('k', '1')
  await at.clock.settle()
  await at.answer('produce a')
  await at.answer('offsets a 5')
  expect(at.committer.ready).toBe(false)
  await at.answer('end a commit')
  expect(at.committer.ready).toBe(true)
})
