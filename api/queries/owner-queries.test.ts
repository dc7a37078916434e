import { afterEach, expect, test } from 'vitest'
import type { StoreAnswer } from '../../engine/store-queries.ts'
import { encodeAssignment, encodeSubscription } from '../../serdes/consumer-protocol.ts'
import { systemClock } from '../../ports/system-clock.ts'
import { newCounters } from '../../engine/thread-statistics.ts'
import type { ProcessorStatus } from './instance-status.ts'
import { OwnerQueries } from './owner-queries.ts'
import { QueryServer } from './query-server.ts'

const NEVER = new Promise<never>(() => {})

/** Owners on real sockets, and a group that says which of them has which task. */
class Fixture {
  readonly owners: QueryServer[] = []
  tasks = new Map<string, string[]>()
  state = 'Stable'
  looks = 0
  readonly queries = new OwnerQueries({
    broker: {
      findCoordinator: async () => ({ errorCode: 0, node: 1 }),
      describeGroups: async () => {
        this.looks++
        const members = [...this.tasks].map(([address, tasks]) => ({
          memberId: address,
          groupInstanceId: undefined,
          clientId: '',
          clientHost: '',
          metadata: encodeSubscription({ topics: [], userData: Buffer.from(JSON.stringify({ address })), ownedPartitions: [], generationId: -1 }),
          assignment: encodeAssignment({ partitions: [], userData: Buffer.from(JSON.stringify({ topology: '', tasks, moving: [] })) }),
        }))
        return [{ groupId: 'app', errorCode: 0, state: this.state, protocolType: '', protocolName: '', members }]
      },
    },
    groupId: 'app',
    taskOf: (_store, partition) => `0_${partition}`,
    clock: systemClock,
    timeoutMs: 300,
  })

  /** Answers its address. `running`: the tasks that it runs whenever it is asked. */
  async owner(tasks: string[], answer: (key: string, waitMs: number) => StoreAnswer | Promise<StoreAnswer>, expired = 0, running = () => tasks): Promise<string> {
    const status = () => processorWith(running())
    const server = await QueryServer.listen({ host: '127.0.0.1', port: 0, answers: { get: async ({ key }, waitMs) => answer(key.toString(), waitMs), expire: async () => expired, status } })
    this.owners.push(server)
    const address = `127.0.0.1:${server.port}`
    this.tasks.set(address, tasks)
    return address
  }

  async close(): Promise<void> {
    this.queries.close()
    await Promise.all(this.owners.map((owner) => owner.close()))
  }
}

let at = new Fixture()
afterEach(async () => {
  await at.close()
  at = new Fixture()
})

const found = (text: string): StoreAnswer => ({ kind: 'found', value: Buffer.from(text) })
const elsewhere: StoreAnswer = { kind: 'elsewhere', reason: 'it has gone' }

test('each partition is asked of its owner, with one look at the group', async () => {
  await at.owner(['0_0', '0_2'], (key) => found(`first ${key}`))
  await at.owner(['0_1'], (key, waitMs) => found(`second ${key} ${waitMs}`))
  const answers = await Promise.all([0, 1, 2].map((partition) => at.queries.get('trades', partition, `kéy${partition}`)))
  expect(answers.map(String)).toEqual(['first kéy0', 'second kéy1 0', 'first kéy2'])
  expect(at.looks).toBe(1)
})

test('absent is an answer; many questions are under way at a time', async () => {
  const asked: string[] = []
  await at.owner(['0_0'], async (key) => {
    asked.push(key)
    return { kind: 'absent' }
  })
  const answers = await Promise.all(Array.from({ length: 100 }, (_, n) => at.queries.get('trades', 0, String(n))))
  expect(answers.every((answer) => answer === undefined)).toBe(true)
  expect(asked.length).toBe(100)
})

test('an owner that has it no longer is not believed: the group is asked, and the next owner', async () => {
  const old = await at.owner(['0_0'], (key) => (key === 'before' ? found('old') : elsewhere))
  expect(String(await at.queries.get('trades', 0, 'before'))).toBe('old')
  at.tasks.delete(old)
  await at.owner(['0_0'], () => found('new'))
  expect(String(await at.queries.get('trades', 0, 'after'))).toBe('new')
})

test('an owner that is gone: the group is asked until another one has its tasks', async () => {
  const old = await at.owner(['0_0'], () => found('old'))
  await at.queries.get('trades', 0, 'key')
  await at.owners[0]?.close()
  setTimeout(() => {
    at.tasks.delete(old)
    void at.owner(['0_0'], () => found('new'))
  }, 60)
  expect(String(await at.queries.get('trades', 0, 'key'))).toBe('new')
})

test('nobody who may answer: an error when the time is up, which says why', async () => {
  await expect(at.queries.get('trades', 0, 'key')).rejects.toThrow('task 0_0 cannot be asked now: no instance of the processor has it')
  await at.owner(['0_0'], () => elsewhere)
  await expect(at.queries.get('trades', 0, 'key')).rejects.toThrow('it has gone')
})

test('while the group rebalances, what is known is used', async () => {
  await at.owner(['0_0'], () => found('yes'))
  await at.queries.get('trades', 0, 'key')
  at.state = 'PreparingRebalance'
  at.tasks.clear()
  expect(String(await at.queries.get('trades', 0, 'key'))).toBe('yes')
})

test('a process that is stopped takes questions and answers none: that is no answer', async () => {
  await at.owner(['0_0'], () => NEVER)
  await expect(at.queries.get('trades', 0, 'key')).rejects.toMatchObject({ name: 'OwnerUnavailableError' })
})

test('a large value goes through in one piece', async () => {
  const value = Buffer.alloc(1_000_000, 'x')
  await at.owner(['0_0'], () => ({ kind: 'found', value }))
  expect((await at.queries.get('trades', 0, 'key'))?.equals(value)).toBe(true)
})

test('expiry runs at every owner', async () => {
  await at.owner(['0_0'], () => elsewhere, 3)
  await at.owner(['0_1'], () => elsewhere, 4)
  expect(await at.queries.expire(['0_0', '0_1'])).toEqual({ expired: 7, leftOut: [] })
})

test('a task that is being restored, moves meanwhile, or is nobody\'s has no part in an expiry, and is named', async () => {
  let looks = 0
  await at.owner(['0_0', '0_1', '0_2'], () => elsewhere, 3, () => (looks++ === 0 ? ['0_0', '0_2'] : ['0_0', '0_1']))
  expect(await at.queries.expire(['0_0', '0_1', '0_2', '0_3'])).toEqual({ expired: 3, leftOut: ['0_1', '0_2', '0_3'] })
})

test('expiry where an owner does not answer is none', async () => {
  await at.owner(['0_0'], () => elsewhere, 3)
  await at.owners[0]?.close()
  await expect(at.queries.expire(['0_0'])).rejects.toMatchObject({ name: 'OwnerUnavailableError' })
})

/** The others are being restored. */
function processorWith(running: readonly string[]): ProcessorStatus {
  const tasks = ['0_0', '0_1', '0_2'].map((id) => ({ id, state: running.includes(id) ? 'running' : 'restoring', positions: [], stores: [], restoreRemaining: undefined }))
  return { role: 'processor', startedAtMs: 0, rssBytes: 0, cpuSeconds: 0, thread: { name: 'thread', state: 'running', tasks, ...newCounters() } }
}
