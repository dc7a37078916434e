import { expect, test } from 'vitest'
import { ByteView } from '../records/byte-view.ts'
import { VirtualClock } from '../test/support/virtual-clock.ts'
import { encodeSubscription } from '../serdes/consumer-protocol.ts'
import { taskAddresses } from './membership/classic-membership.ts'
import type { StoreAnswer } from './store-queries.ts'
import { StreamThread } from './stream-thread.ts'
import { countingTopology } from './testing/counting.ts'
import { ModelKafka } from './testing/model-kafka.ts'
import { ModelStores } from './testing/model-stores.ts'

class Fixture {
  readonly clock = new VirtualClock()
  readonly kafka = new ModelKafka()
  readonly thread: StreamThread

  constructor() {
    this.thread = new StreamThread({
      name: 'app-p-0',
      topology: countingTopology(),
      client: this.kafka,
      clock: this.clock,
      stores: new ModelStores(),
      sessionTimeoutMs: 5_000,
      rebalanceTimeoutMs: 5_000,
      transactionTimeoutMs: 10_000,
      producers: 2,
      startAt: 'earliest',
      pace: { minIntervalMs: 10, targetRecords: 1_000, maxAgeMs: 60 },
      maxBufferedBytes: 1_000_000,
      queryAddress: 'here:1',
    })
    void this.thread.run()
  }

  ask(key: string, waitMs = 0): Promise<StoreAnswer> {
    return this.thread.query({ store: 'counts', partition: 0, key: new ByteView(Buffer.from(key)) }, waitMs)
  }

  async kind(key: string): Promise<string> {
    const answer = await this.ask(key)
    return answer.kind === 'found' ? answer.value.toString() : answer.kind
  }

  async running(): Promise<void> {
    while ((await this.kind('nothing')) !== 'absent') await this.clock.advance(5)
  }

  write(key: string): void {
    this.kafka.write('in', 0, [{ key, value: 'x' }])
  }
}

test('a key is found once its transaction is committed and in the store', async () => {
  const at = new Fixture()
  expect(await at.kind('a')).toBe('elsewhere')
  await at.running()
  expect(await at.kind('a')).toBe('absent')
  const { promise: held, resolve: release } = Promise.withResolvers<void>()
  at.kafka.hooks.end = () => held
  at.write('a')
  await at.clock.advance(100)
  expect(await at.kind('a')).toBe('absent')
  release()
  await at.clock.advance(10)
  expect(await at.kind('a')).toBe('1')
})

test('an absent key is waited for: the commit that brings it answers, or the time is up', async () => {
  const at = new Fixture()
  await at.running()
  const answers: string[] = []
  void at.ask('a', 1_000).then(({ kind }) => answers.push(`a ${kind}`))
  void at.ask('b', 200).then(({ kind }) => answers.push(`b ${kind}`))
  await at.clock.advance(100)
  expect(answers).toEqual([])
  at.write('a')
  await at.clock.advance(50)
  expect(answers).toEqual(['a found'])
  await at.clock.advance(100)
  expect(answers).toEqual(['a found', 'b absent'])
})

test('where thousands wait, the next one is told at once that there is nothing yet; those that wait are answered', async () => {
  const at = new Fixture()
  await at.running()
  const waiting = Array.from({ length: 4_000 }, () => at.ask('a', 60_000))
  expect((await at.ask('a', 60_000)).kind).toBe('absent')
  at.write('a')
  let answered = false
  const answers = Promise.all(waiting).then((all) => {
    answered = true
    return all
  })
  while (!answered) await at.clock.advance(5)
  expect((await answers).every(({ kind }) => kind === 'found')).toBe(true)
  expect((await at.ask('b', 0)).kind).toBe('absent')
})

test('whoever lost its session answers nothing, be it that it has not been told yet', async () => {
  const at = new Fixture()
  await at.running()
  at.write('a')
  await at.clock.advance(50)
  expect(await at.kind('a')).toBe('1')
  const waiting = at.ask('b', 1_000)
  at.kafka.group.outlive('app-p-0')
  expect(await at.kind('a')).toBe('elsewhere')
  await at.clock.advance(1_000)
  expect(await waiting).toMatchObject({ kind: 'elsewhere' })
})

test('a membership that is lost ends the waiting', async () => {
  const at = new Fixture()
  await at.running()
  const waiting = at.ask('a', 60_000)
  at.kafka.group.expel('app-p-0')
  at.kafka.group.isHeld = true
  await at.clock.advance(50)
  expect(await waiting).toMatchObject({ kind: 'elsewhere' })
})

test('stores that are not there, and partitions of others, are elsewhere', async () => {
  const at = new Fixture()
  await at.running()
  const key = new ByteView(Buffer.from('a'))
  expect(await at.thread.query({ store: 'other', partition: 0, key })).toMatchObject({ kind: 'elsewhere' })
  expect(await at.thread.query({ store: 'counts', partition: 1, key })).toMatchObject({ kind: 'elsewhere' })
})

test('members tell the group where they can be asked', () => {
  const subscription = (userData: string) => encodeSubscription({ topics: [], userData: Buffer.from(userData), ownedPartitions: [], generationId: -1 })
  const assignment = (tasks: string[], moving: string[]) => {
    const topics = Buffer.from([0, 1, 0, 0, 0, 0])
    const text = Buffer.from(JSON.stringify({ topology: 'x', tasks, moving }))
    const length = Buffer.alloc(4)
    length.writeInt32BE(text.length)
    return Buffer.concat([topics, length, text])
  }
  const addresses = taskAddresses([
    { metadata: subscription('{"address":"one:1"}'), assignment: assignment(['0_0'], ['0_2']) },
    { metadata: subscription('{"address":"two:2"}'), assignment: assignment(['0_1'], []) },
    { metadata: subscription('not ours'), assignment: assignment(['0_3'], []) },
    { metadata: Buffer.alloc(0), assignment: Buffer.alloc(0) },
  ])
  expect([...addresses]).toEqual([
    ['0_0', 'one:1'],
    ['0_2', 'one:1'],
    ['0_1', 'two:2'],
  ])
})
