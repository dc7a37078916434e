import { expect, test } from 'vitest'
import type { OutgoingBatch } from '../ports/kafka-client.ts'
import { KafkaError, RecordRefusedError } from '../ports/kafka-error.ts'
import { contentOf } from '../stores/testing/changelog.ts'
import { VirtualClock } from '../test/support/virtual-clock.ts'
import type { ApplicationTopology } from './application-topology.ts'
import { encodeAssignment } from '../serdes/consumer-protocol.ts'
import type { StoreSupplier } from './store-supplier.ts'
import { StreamThread } from './stream-thread.ts'
import type { StreamThreadOptions, ThreadEvent } from './stream-thread-options.ts'
import { type CountingOptions, countingTopology } from './testing/counting.ts'
import { ModelKafka } from './testing/model-kafka.ts'
import { ModelStores } from './testing/model-stores.ts'

class Fixture {
  readonly clock = new VirtualClock()
  readonly kafka = new ModelKafka()
  readonly stores = new ModelStores()
  readonly events: ThreadEvent[] = []
  readonly topology: ApplicationTopology
  readonly threads: StreamThread[] = []

  constructor(options: CountingOptions = {}) {
    this.topology = countingTopology(options)
  }

  /** Starts a thread; what `run` becomes is asked for with `ended`. */
  start(options: Partial<StreamThreadOptions> = {}): { thread: StreamThread; ended: Promise<unknown> } {
    const thread = new StreamThread({
      name: 'app-p-0',
      topology: this.topology,
      client: this.kafka,
      clock: this.clock,
      stores: this.stores,
      sessionTimeoutMs: 5_000,
      rebalanceTimeoutMs: 5_000,
      transactionTimeoutMs: 10_000,
      producers: 2,
      startAt: 'earliest',
      pace: { minIntervalMs: 10, targetRecords: 1_000, maxAgeMs: 60 },
      maxBufferedBytes: 1_000_000,
      report: (event) => this.events.push(event),
      ...options,
    })
    this.threads.push(thread)
    const ended = thread.run().then(
      () => 'ended',
      (error: unknown) => error,
    )
    return { thread, ended }
  }

  /** Lets time pass until it is so. */
  async until(what: string, condition: () => boolean, limitMs = 60_000): Promise<void> {
    for (let ms = 0; !condition(); ms += 5) {
      if (ms > limitMs) throw new Error(`it never came to: ${what}; ${JSON.stringify(this.events)}; ${this.kafka.journal.slice(-20).join(', ')}`)
      await this.clock.advance(5)
    }
  }

  /** The values of a topic as a reader of committed records finds them: `key=value`. */
  out(topic = 'out', partition = 0): string[] {
    return this.kafka.log(topic, partition).committed().map(({ key, value }) => `${key}=${value}`)
  }

  counts(partition = 0): string[] {
    const store = this.stores.get(`0_${partition}`, 'counts')
    return [...contentOf(store)].map(([key, value]) => `${key}=${value}`)
  }

  write(...keys: string[]): void {
    this.kafka.write('in', 0, keys.map((text) => ({ key: text.split(':')[0] ?? '', value: text.split(':')[1] ?? 'x' })))
  }

  assignment(tasks: string[], moving: string[] = []): Uint8Array {
    const decision = { topology: this.topology.topologyHash, tasks, moving }
    return encodeAssignment({ partitions: [], userData: Buffer.from(JSON.stringify(decision)) })
  }

  kinds(): string[] {
    return this.events.map(({ kind }) => kind)
  }
}

const ABORTED = new KafkaError({ code: 120, errorName: 'TRANSACTION_ABORTABLE', scope: 'abort' }, 'the test aborts')
const FENCED = new KafkaError({ code: 90, errorName: 'PRODUCER_FENCED', scope: 'fenced' }, 'the test fences')
const FORBIDDEN = new KafkaError({ code: 29, errorName: 'TOPIC_AUTHORIZATION_FAILED', scope: 'fatal' }, 'Produce to out-0')

/** Refuses batches in which `text` stands, as the broker refuses a record that is too large. */
function refuse(batches: readonly OutgoingBatch[], text: string, topics: readonly string[] = ['out']): void {
  const batchIndex = batches.findIndex(({ topic, bytes }) => topics.includes(topic) && bytes.includes(text))
  const batch = batches[batchIndex]
  if (batch === undefined) return
  throw new RecordRefusedError({ code: 10, errorName: 'MESSAGE_TOO_LARGE', scope: 'record' }, { ...batch, batchIndex, recordIndexes: [] }, `${batch.topic}-${batch.partition}`)
}

/** Fails once, then lets everything pass. */
function once(error: Error): () => void {
  let isDone = false
  return () => {
    if (isDone) return
    isDone = true
    throw error
  }
}

test('a store that was found damaged when it was opened is told of, with what was found', async () => {
  const at = new Fixture()
  const stores: StoreSupplier = {
    open: async (taskId, definition) => Object.defineProperty(await at.stores.open(taskId, definition), 'damage', { value: 'segment 3 is damaged at byte 12' }),
  }
  at.start({ stores })
  await at.until('it runs', () => at.kinds().includes('assigned') && at.kinds().includes('store-damaged'))
  expect(at.events.find(({ kind }) => kind === 'store-damaged')?.message).toBe('store counts (app-counts-changelog-0): segment 3 is damaged at byte 12; what is missing is restored')
})

test('input, state and output are committed together; the offset goes past the markers', async () => {
  const at = new Fixture()
  at.write('a', 'b', 'a')
  const { thread, ended } = at.start()
  await at.until('committed', () => at.kafka.committedOffset('in') === 3)
  expect(at.out()).toEqual(['a=1', 'b=1', 'a=2'])
  expect(at.counts()).toEqual(['a=2', 'b=1'])
  expect(thread.snapshot()).toMatchObject({ state: 'running', recordsCommitted: 3, recoveries: 0, tasks: [{ id: '0_0', state: 'running', restoreRemaining: 0, stores: [{ name: 'counts', keys: 2, sizeBytes: 4 }] }] })
  expect(thread.snapshot().recordsWritten).toEqual({ out: 3, 'app-counts-changelog': 3 })
  thread.stop('leave')
  await at.until('ended', () => thread.state === 'stopped')
  expect(await ended).toBe('ended')
  expect(at.stores.get('0_0', 'counts').isOpen).toBe(false)
})

test('a position that moved past markers only is committed, too, also while another partition is busy', async () => {
  const at = new Fixture({ partitions: 2 })
  at.start()
  await at.until('running', () => at.threads[0]?.snapshot().tasks.length === 2)
  const log = at.kafka.log('in', 1)
  log.writeOpen([{ key: 'never' }], 99)
  log.endTransaction(99, false)
  at.kafka.changed()
  for (let i = 0; i < 300; i++) {
    at.write('a')
    await at.clock.advance(5)
  }
  expect(at.kafka.committedOffset('in', 1)).toBe(2)
})

test.each(['initialise', 'produce', 'offsets', 'end'] as const)('a commit that fails at %s: state and output are those of a run without failure', async (call) => {
  const at = new Fixture()
  at.write('a', 'b')
  const { thread } = at.start()
  await at.until('committed', () => at.kafka.committedOffset('in') === 2)
  at.kafka.hooks[call] = once(call === 'initialise' ? FENCED : ABORTED)
  if (call === 'initialise') at.kafka.hooks.end = once(FENCED)
  at.write('a', 'b', 'c')
  await at.until('committed again', () => at.kafka.committedOffset('in') === 5)
  expect(at.out()).toEqual(['a=1', 'b=1', 'a=2', 'b=2', 'c=1'])
  expect(at.counts()).toEqual(['a=2', 'b=2', 'c=1'])
  expect(thread.snapshot().recoveries).toBe(1)
})

test('n fails at EndTxn after n+1 was acknowledged: n+1 is not committed, both are processed again', async () => {
  const at = new Fixture()
  at.write('a')
  at.start()
  await at.until('committed', () => at.kafka.committedOffset('in') === 1)
  const held = Promise.withResolvers<void>()
  at.kafka.hooks.end = () => held.promise
  at.write('a')
  await at.until('n waits at EndTxn', () => at.kafka.openTransactions === 1)
  at.write('a')
  await at.until('n+1 is acknowledged', () => at.kafka.openTransactions === 2)
  await at.clock.advance(100)
  expect(at.kafka.journal.filter((entry) => entry.startsWith('end'))).toHaveLength(1)
  at.kafka.hooks.end = undefined
  held.reject(FENCED)
  await at.until('committed again', () => at.kafka.committedOffset('in') === 3)
  expect(at.out()).toEqual(['a=1', 'a=2', 'a=3'])
  expect(at.counts()).toEqual(['a=3'])
})

test('input taken up at the latest offset is not passed over when the first transaction fails', async () => {
  const at = new Fixture()
  at.write('before')
  const { thread } = at.start({ startAt: 'latest' })
  await at.until('running', () => thread.snapshot().tasks[0]?.state === 'running')
  at.kafka.hooks.produce = once(ABORTED)
  at.write('a')
  await at.until('committed', () => (at.kafka.committedOffset('in') ?? 0) === 2)
  expect(at.out()).toEqual(['a=1'])
})

test('a processor that throws: its record goes to the dead-letter topic, everything else through', async () => {
  const at = new Fixture()
  at.write('a', 'b:boom', 'a', 'c:boom', 'a')
  const { thread } = at.start()
  await at.until('committed', () => at.kafka.committedOffset('in') === 5)
  expect(at.out()).toEqual(['a=1', 'a=2', 'a=3'])
  expect(at.out('dead')).toEqual(['b=boom', 'c=boom'])
  expect(thread.snapshot()).toMatchObject({ deadLetters: 2, recoveries: 2 })
})

test('without a dead-letter topic the thread stops and names the record', async () => {
  const at = new Fixture({ deadLetters: false })
  at.write('a', 'b:boom')
  const { thread, ended } = at.start()
  await at.until('failed', () => thread.state === 'failed')
  expect(String(await ended)).toMatch(/in-0@1: boom.*dead-letter topic/)
})

test('a record that the broker refuses is found among others and taken out alone', async () => {
  const at = new Fixture()
  at.kafka.hooks.produce = ({ batches }) => refuse(batches, 'large')
  at.write('a', 'b', 'c:large', 'a', 'b')
  const { thread } = at.start()
  await at.until('committed', () => at.kafka.committedOffset('in') === 5)
  expect(at.out()).toEqual(['a=1', 'b=1', 'a=2', 'b=2'])
  expect(at.out('dead')).toEqual(['c=large'])
  expect(at.counts()).toEqual(['a=2', 'b=2'])
  // out of the one-by-one mode: many records in one transaction again
  const before = thread.snapshot().transactionsCommitted
  at.write(...Array.from({ length: 50 }, () => 'd'))
  await at.until('committed', () => at.kafka.committedOffset('in') === 55)
  expect(thread.snapshot().transactionsCommitted - before).toBeLessThan(10)
})

test('a dead letter that is refused goes without key and value', async () => {
  const at = new Fixture()
  at.kafka.hooks.produce = ({ batches }) => refuse(batches, 'large', ['out', 'dead'])
  at.write('a', 'c:large', 'a')
  at.start()
  await at.until('committed', () => at.kafka.committedOffset('in') === 3)
  expect(at.out()).toEqual(['a=1', 'a=2'])
  expect(at.out('dead')).toEqual(['undefined=undefined'])
})

test('a dead-letter topic that takes nothing stops the thread', async () => {
  const at = new Fixture()
  at.kafka.hooks.produce = ({ batches }) => refuse(batches, '', ['dead'])
  at.write('c:boom')
  const { thread, ended } = at.start()
  await at.until('failed', () => thread.state === 'failed')
  expect(String(await ended)).toMatch(/refuses in@0 of task 0_0 even without key and value/)
})

test('a punctuation whose records are refused blames no input record and stops the thread', async () => {
  const at = new Fixture({ punctuate: (write) => write('p', 'enormous') })
  at.kafka.hooks.produce = ({ batches }) => refuse(batches, 'enormous')
  at.write('a', 'b')
  const { thread, ended } = at.start()
  await at.until('failed', () => thread.state === 'failed')
  expect(String(await ended)).toMatch(/punctuation of tasks 0_0/)
  expect(at.out()).toEqual(['a=1', 'b=1'])
  expect(at.out('dead')).toEqual([])
})

test('what a punctuation writes is committed with the offsets of its task, though there was no input', async () => {
  const at = new Fixture({ punctuate: (write) => write('p', 'tick') })
  at.start()
  await at.until('written', () => at.out().length === 1)
  expect(at.kafka.committedOffset('in')).toBe(0)
})

test('an input topic that grows stops the thread; what is under way then is not committed', async () => {
  const at = new Fixture()
  at.kafka.metadata.set('in', { topicId: 'in', partitions: 1 })
  const { ended, thread } = at.start()
  at.write('a')
  await at.until('it is counted', () => at.out().length === 1)
  // The answer of the broker is late, so that a transaction is under way.
  const held = Promise.withResolvers<void>()
  at.kafka.hooks.produce = () => held.promise
  at.write('b')
  await at.until('it is processed', () => thread.snapshot().recordsProcessed === 2)
  at.kafka.metadata.set('in', { topicId: 'in', partitions: 3 })
  await at.until('it has ended', () => thread.state === 'failed', 2_000)
  held.resolve()
  expect(await ended).toMatchObject({ name: 'StreamThreadFatalError', message: expect.stringContaining('input topic in has 3 partitions now, and had 1') })
  expect(at.out()).toEqual(['a=1'])
  expect(at.kafka.committedOffset('in')).toBe(1)
})

test('an error that no repetition helps stops the thread, with what the broker said', async () => {
  const at = new Fixture()
  at.kafka.hooks.produce = () => {
    throw FORBIDDEN
  }
  at.write('a')
  const { thread, ended } = at.start()
  await at.until('failed', () => thread.state === 'failed')
  expect(String(await ended)).toMatch(/TOPIC_AUTHORIZATION_FAILED/)
  expect(at.stores.get('0_0', 'counts').isOpen).toBe(false)
})

test('what fails again and again is tried at growing intervals', async () => {
  const at = new Fixture()
  at.kafka.hooks.produce = () => {
    throw ABORTED
  }
  at.write('a')
  const { thread } = at.start()
  await at.until('recovered once', () => thread.snapshot().recoveries === 1)
  await at.clock.advance(60_000)
  expect(thread.snapshot().recoveries).toBeLessThan(60)
  at.kafka.hooks.produce = undefined
  await at.until('committed', () => at.kafka.committedOffset('in') === 1)
  expect(at.out()).toEqual(['a=1'])
})

test('a store that cannot take a committed batch is restored; nothing is lost, and what is in flight does not open a gap', async () => {
  const at = new Fixture()
  at.write('a')
  const { thread } = at.start()
  await at.until('committed', () => at.kafka.committedOffset('in') === 1)
  at.stores.get('0_0', 'counts').failing = 1
  at.write('a')
  await at.clock.advance(12)
  at.write('a', 'b')
  await at.until('committed', () => at.kafka.committedOffset('in') === 4)
  at.write('a')
  await at.until('all counted', () => at.counts().join() === 'a=4,b=1')
  expect(at.out()).toEqual(['a=1', 'a=2', 'a=3', 'b=1', 'a=4'])
  expect(at.kinds()).toContain('store-failed')
  expect(thread.state).toBe('running')
})

test('a store that fails together with its transaction is opened anew by the recovery', async () => {
  const at = new Fixture()
  at.write('a')
  const { thread } = at.start()
  await at.until('committed', () => at.kafka.committedOffset('in') === 1)
  at.stores.get('0_0', 'counts').failing = 1
  let ends = 0
  at.kafka.hooks.end = () => {
    if (++ends === 2) throw FENCED
  }
  at.write('a')
  await at.clock.advance(5)
  at.write('a')
  await at.until('all counted', () => at.kafka.committedOffset('in') === 3 && at.counts().join() === 'a=3')
  expect(at.out()).toEqual(['a=1', 'a=2', 'a=3'])
  expect(thread.state).toBe('running')
})

test('a store that fails in its housekeeping is restored as well', async () => {
  const at = new Fixture()
  at.write('a')
  const { thread } = at.start()
  await at.until('committed', () => at.kafka.committedOffset('in') === 1)
  at.stores.get('0_0', 'counts').housekeeping = async () => {
    at.stores.get('0_0', 'counts').housekeeping = undefined
    throw new Error('no space to compact')
  }
  at.write('a')
  await at.until('opened anew', () => at.stores.opened === 2)
  at.write('a')
  await at.until('committed', () => at.kafka.committedOffset('in') === 3)
  expect(at.out()).toEqual(['a=1', 'a=2', 'a=3'])
  expect(thread.state).toBe('running')
})

test('a store that nothing is written to is not taken for one that was away', async () => {
  const at = new Fixture()
  at.start()
  await at.until('running', () => at.threads[0]?.snapshot().tasks[0]?.state === 'running')
  const startedMs = at.clock.now()
  at.clock.freeze(8 * 86_400_000)
  await at.clock.advance(1_000)
  expect((at.stores.get('0_0', 'counts').lastCaughtUpMs ?? 0) - startedMs).toBeGreaterThanOrEqual(8 * 86_400_000)
})

test('a store that cannot be restored stops the thread, with the reason', async () => {
  const at = new Fixture()
  at.write('a')
  const { thread, ended } = at.start()
  await at.until('committed', () => at.kafka.committedOffset('in') === 1)
  const store = at.stores.get('0_0', 'counts')
  store.failing = 2
  at.write('a')
  await at.until('failed', () => thread.state === 'failed')
  expect(String(await ended)).toMatch(/no space left/)
  expect(store.isOpen).toBe(false)
})

test('of tasks that are started together one is revoked: the others run all the same', async () => {
  const at = new Fixture({ partitions: 3 })
  at.kafka.group.isHeld = true
  const { thread } = at.start()
  await at.clock.advance(10)
  const held = Promise.withResolvers<void>()
  at.kafka.hooks.committedOffsets = () => held.promise
  at.kafka.group.give('app-p-0', at.assignment(['0_0', '0_1', '0_2']))
  await at.until('starting', () => thread.snapshot().tasks.length === 3)
  at.kafka.hooks.committedOffsets = undefined
  at.kafka.group.give('app-p-0', at.assignment(['0_0', '0_2']))
  await at.until('running', () => thread.snapshot().tasks.filter(({ state }) => state === 'running').length === 2)
  held.resolve()
  await at.clock.advance(1_000)
  expect(thread.snapshot().tasks.map(({ id, state }) => `${id} ${state}`)).toEqual(['0_0 running', '0_2 running'])
  expect(at.stores.get('0_1', 'counts').isOpen).toBe(false)
})

test('a task that comes back while its aborted start still closes its store is started behind that', async () => {
  const at = new Fixture()
  at.kafka.group.isHeld = true
  const { thread } = at.start()
  await at.clock.advance(10)
  const offsets = Promise.withResolvers<void>()
  at.kafka.hooks.committedOffsets = () => offsets.promise
  at.kafka.group.give('app-p-0', at.assignment(['0_0']))
  await at.until('opened', () => at.stores.opened === 1)
  const closing = Promise.withResolvers<void>()
  at.stores.get('0_0', 'counts').closing = closing.promise
  at.kafka.group.give('app-p-0', at.assignment([]))
  await at.clock.advance(10)
  at.kafka.hooks.committedOffsets = undefined
  at.kafka.group.give('app-p-0', at.assignment(['0_0']))
  await at.clock.advance(100)
  expect(at.stores.opened).toBe(1)
  closing.resolve()
  at.write('a')
  await at.until('committed', () => at.kafka.committedOffset('in') === 1)
  expect(thread.snapshot().tasks).toHaveLength(1)
})

test('a start that ends just when its task is revoked does not run it', async () => {
  const at = new Fixture()
  at.kafka.group.isHeld = true
  const { thread } = at.start()
  await at.clock.advance(10)
  const offsets = Promise.withResolvers<void>()
  at.kafka.hooks.committedOffsets = () => offsets.promise
  at.kafka.group.give('app-p-0', at.assignment(['0_0']))
  await at.until('opened', () => at.stores.opened === 1)
  at.write('a')
  offsets.resolve()
  at.kafka.group.give('app-p-0', at.assignment([]))
  await at.clock.advance(1_000)
  expect(thread.snapshot().tasks).toEqual([])
  expect(at.kafka.committedOffset('in')).toBeUndefined()
  expect(at.stores.get('0_0', 'counts').isOpen).toBe(false)
})

test('a task that was given to another without our leave is not committed any more', async () => {
  const at = new Fixture({ partitions: 2 })
  at.kafka.group.isHeld = true
  const { thread } = at.start()
  await at.clock.advance(10)
  at.kafka.group.give('app-p-0', at.assignment(['0_0', '0_1']))
  await at.until('running', () => thread.snapshot().tasks.filter(({ state }) => state === 'running').length === 2)
  const held = Promise.withResolvers<void>()
  at.kafka.hooks.offsets = () => held.promise
  at.write('a')
  await at.clock.advance(50)
  at.kafka.hooks.offsets = undefined
  at.kafka.group.give('app-p-0', at.assignment(['0_1']))
  held.resolve()
  await at.clock.advance(1_000)
  expect(at.out()).toEqual([])
  expect(at.kafka.committedOffset('in')).toBeUndefined()
  expect(thread.snapshot().tasks.map(({ id, state }) => `${id} ${state}`)).toEqual(['0_1 running'])
})

test('the same, where the transaction had sent nothing when the assignment came', async () => {
  const at = new Fixture({ partitions: 2 })
  at.kafka.group.isHeld = true
  const { thread } = at.start()
  await at.clock.advance(10)
  at.kafka.group.give('app-p-0', at.assignment(['0_0', '0_1']))
  await at.until('running', () => thread.snapshot().tasks.filter(({ state }) => state === 'running').length === 2)
  const held = Promise.withResolvers<void>()
  at.kafka.hooks.produce = () => held.promise
  at.kafka.write('in', 1, [{ key: 'b', value: 'x' }])
  await at.clock.advance(50)
  at.write('a')
  await at.clock.advance(50)
  at.kafka.hooks.produce = undefined
  at.kafka.group.give('app-p-0', at.assignment(['0_1']))
  held.resolve()
  await at.until('the other goes on', () => at.kafka.committedOffset('in', 1) === 1)
  await at.clock.advance(1_000)
  expect([...at.out('out', 0), ...at.out('out', 1)]).toEqual(['b=1'])
  expect(at.kafka.committedOffset('in')).toBeUndefined()
})

test('the generation moves during a commit: the offsets of tasks that stay are repeated under the new one', async () => {
  const at = new Fixture()
  const { thread } = at.start()
  await at.until('running', () => thread.snapshot().tasks[0]?.state === 'running')
  at.kafka.group.isHeld = true
  at.kafka.group.moveGeneration()
  at.write('a')
  await at.clock.advance(200)
  expect(at.kafka.committedOffset('in')).toBeUndefined()
  at.kafka.group.give('app-p-0', at.assignment([], ['0_0']))
  await at.until('committed', () => at.kafka.committedOffset('in') === 1)
  expect(at.out()).toEqual(['a=1'])
  expect(thread.snapshot().recoveries).toBe(0)
})

test.each(['same', 'new'] as const)('the membership is lost before the answer says that the generation moved (%s member id): the commit neither waits for ever nor is it repeated in the next membership', async (memberId) => {
  const at = new Fixture()
  const { thread } = at.start()
  await at.until('running', () => thread.snapshot().tasks[0]?.state === 'running')
  const held = Promise.withResolvers<void>()
  at.kafka.hooks.offsets = () => held.promise
  at.write('a')
  await at.clock.advance(50)
  at.kafka.hooks.offsets = undefined
  at.kafka.group.expel('app-p-0', memberId)
  held.resolve()
  await at.until('committed by the next membership', () => at.kafka.committedOffset('in') === 1)
  expect(at.out()).toEqual(['a=1'])
  expect(at.kinds()).toContain('lost')
  expect(thread.snapshot()).toMatchObject({ transactionsFailed: 1, transactionsCommitted: 1 })
})

test('a loss during a recovery, during a flush, during another loss', async () => {
  const at = new Fixture()
  const { thread } = at.start()
  await at.until('running', () => thread.snapshot().tasks[0]?.state === 'running')
  const held = Promise.withResolvers<void>()
  at.kafka.hooks.produce = once(ABORTED)
  at.kafka.hooks.committedOffsets = () => held.promise
  at.write('a')
  await at.until('recovering', () => thread.state === 'recovering')
  at.kafka.group.expel('app-p-0')
  await at.clock.advance(50)
  at.kafka.group.expel('app-p-0')
  at.kafka.hooks.committedOffsets = undefined
  held.resolve()
  await at.until('committed', () => at.kafka.committedOffset('in') === 1)
  expect(at.out()).toEqual(['a=1'])
})

test.each(['commit:acknowledged', 'commit:ended', 'commit:applied'])('the process dies at %s: its successor finds state and output as they are committed', async (place) => {
  const at = new Fixture()
  at.write('a', 'b')
  let isDying = false
  at.start({ failpoint: (name) => (isDying && name === place ? new Promise<void>(() => {}) : undefined) })
  await at.until('committed', () => at.kafka.committedOffset('in') === 2)
  isDying = true
  at.write('a')
  await at.clock.advance(100)
  at.kafka.group.drop('app-p-0')
  at.stores.get('0_0', 'counts').isOpen = false
  at.write('a', 'b')
  const { thread } = at.start()
  await at.until('all counted', () => at.kafka.committedOffset('in') === 5)
  expect(at.out()).toEqual(['a=1', 'b=1', 'a=2', 'a=3', 'b=2'])
  await at.until('applied', () => at.counts().join() === 'a=3,b=2')
  // a catch-up, not a rebuild
  expect(thread.snapshot().recordsRestored).toBe(place === 'commit:ended' ? 1 : 0)
})

test('a store that cannot be opened stops the thread; what was opened beside it is closed', async () => {
  const at = new Fixture({ partitions: 2 })
  const open = at.stores.open.bind(at.stores)
  at.stores.open = (taskId, definition) => (taskId === '0_1' ? Promise.reject(new Error('the directory is read-only')) : open(taskId, definition))
  const { thread, ended } = at.start()
  await at.until('failed', () => thread.state === 'failed')
  expect(String(await ended)).toMatch(/the directory is read-only/)
  expect(at.stores.get('0_0', 'counts').isOpen).toBe(false)
})

test('a punctuation may write more than a batch holds', async () => {
  let left = 1
  const at = new Fixture({
    punctuate: (write) => {
      for (; left > 0; left--) for (let i = 0; i < 5; i++) write('p', `${i}${'x'.repeat(600_000)}`)
    },
  })
  at.start()
  await at.until('written', () => at.out().length > 0)
  expect(at.out().map((text) => text.slice(0, 3))).toEqual(['p=0', 'p=1', 'p=2', 'p=3', 'p=4'])
})

test('a full queue stops its fetch, and nothing is lost or overtaken', async () => {
  const at = new Fixture()
  const { thread } = at.start({ maxBufferedBytes: 200 })
  await at.until('running', () => thread.snapshot().tasks[0]?.state === 'running')
  const held = Promise.withResolvers<void>()
  at.kafka.hooks.produce = () => held.promise
  for (let i = 0; i < 30; i++) {
    at.write('a')
    await at.clock.advance(5)
  }
  at.kafka.hooks.produce = undefined
  held.resolve()
  await at.until('all counted', () => at.kafka.committedOffset('in') === 30)
  expect(at.out()).toEqual(Array.from({ length: 30 }, (_, i) => `a=${i + 1}`))
})

test('two threads share the tasks; each record is counted once, whoever has its partition', async () => {
  const at = new Fixture({ partitions: 4 })
  const writeAll = (key: string) => {
    for (let partition = 0; partition < 4; partition++) at.kafka.write('in', partition, [{ key: `${key}${partition}`, value: 'x' }])
  }
  at.start()
  for (let i = 0; i < 40; i++) {
    writeAll('k')
    await at.clock.advance(3)
    if (i === 10) at.start({ name: 'app-p-1' })
    if (i === 30) at.threads[0]?.stop('leave')
  }
  await at.until('all committed', () => [0, 1, 2, 3].every((partition) => at.kafka.committedOffset('in', partition) === 40))
  for (let partition = 0; partition < 4; partition++) {
    const counts = at.counts(partition)
    expect(counts).toEqual([`k${partition}=40`])
    // keys are hashed to other output partitions than they came from
    const all = [0, 1, 2, 3].flatMap((out) => at.out('out', out)).filter((text) => text.startsWith(`k${partition}=`))
    expect(all).toEqual(Array.from({ length: 40 }, (_, i) => `k${partition}=${i + 1}`))
  }
  expect(at.threads[0]?.state).toBe('stopped')
  expect(at.threads[1]?.snapshot().tasks).toHaveLength(4)
})

test('the group is told that a task was given up only when its store is closed', async () => {
  const at = new Fixture({ partitions: 2 })
  const { thread } = at.start()
  await at.until('running', () => thread.snapshot().tasks.length === 2)
  const closing = Promise.withResolvers<void>()
  for (const store of at.stores.all.values()) store.closing = closing.promise
  at.start({ name: 'app-p-1' })
  await at.clock.advance(500)
  expect(at.stores.opened).toBe(2)
  closing.resolve()
  await at.until('both run', () => at.threads.every((one) => one.snapshot().tasks.filter(({ state }) => state === 'running').length === 1))
})

test('stop commits what is in flight, leaves, and lets nothing open', async () => {
  const at = new Fixture()
  const { thread, ended } = at.start()
  await at.until('running', () => thread.snapshot().tasks[0]?.state === 'running')
  at.write('a', 'b')
  await at.clock.advance(1)
  thread.stop('leave')
  await at.until('stopped', () => thread.state === 'stopped')
  expect(await ended).toBe('ended')
  expect(at.out()).toEqual(['a=1', 'b=1'])
  expect(at.kafka.journal.at(-1)).toBe('leave app-p-0')
  expect(at.kafka.openFetchers).toBe(0)
})

test('stop after a failure aborts what is open, so that nobody waits for its time-out', async () => {
  const at = new Fixture()
  const { thread } = at.start()
  await at.until('running', () => thread.snapshot().tasks[0]?.state === 'running')
  const held = Promise.withResolvers<void>()
  at.kafka.hooks.end = () => held.promise
  at.write('a')
  await at.until('open', () => at.kafka.openTransactions === 1)
  at.kafka.hooks.end = undefined
  thread.stop('leave')
  held.reject(ABORTED)
  await at.until('stopped', () => thread.state === 'stopped')
  expect(at.kafka.openTransactions).toBe(0)
})

test.each(['initialise', 'produce', 'end', 'committedOffsets'] as const)('stop ends within the transaction time-out though the brokers never answer (%s)', async (call) => {
  const at = new Fixture()
  const { thread, ended } = at.start()
  await at.until('running', () => thread.snapshot().tasks[0]?.state === 'running')
  at.kafka.hooks[call] = () => new Promise(() => {})
  if (call === 'initialise' || call === 'committedOffsets') at.kafka.hooks.produce = once(ABORTED)
  at.write('a')
  await at.clock.advance(100)
  thread.stop('stay')
  await at.until('stopped', () => thread.state === 'stopped', 11_000)
  expect(await ended).toBe('ended')
  expect(at.stores.get('0_0', 'counts').isOpen).toBe(false)
})

test('an idle thread does not pile up reactions on the fetcher', async () => {
  const at = new Fixture()
  let asked = 0
  const fetcher = at.kafka.fetcher.bind(at.kafka)
  at.kafka.fetcher = (options) => {
    const made = fetcher(options)
    const ready = made.ready.bind(made)
    made.ready = () => {
      asked++
      return ready()
    }
    return made
  }
  at.start()
  await at.clock.advance(60_000)
  expect(asked).toBeLessThan(10)
})
