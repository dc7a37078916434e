import { expect, test } from 'vitest'
import { ConnectionLostError } from '../../ports/broker.ts'
import { Scheduler } from './scheduler.ts'
import { SeededRandom } from './seeded-random.ts'
import { CALM, ProcessNetwork } from './simulated-network.ts'
import { SimulatedProcess } from './simulated-process.ts'

function world() {
  const scheduler = new Scheduler()
  const process = new SimulatedProcess('p', scheduler)
  const network = new ProcessNetwork({ process, scheduler, random: new SeededRandom(3) })
  const handled: string[] = []
  const answered: string[] = []
  const call = (name: string, { node = 1, lane = 'x', takesMs = 0, api = 'produce' } = {}): void => {
    const handle = async (): Promise<string> => {
      handled.push(name)
      if (takesMs > 0) await scheduler.wait(takesMs)
      return name
    }
    network.call({ node, api, lane }, handle).then(
      (answer) => answered.push(answer),
      (error: Error) => answered.push(error instanceof ConnectionLostError ? `${name} lost` : error.message),
    )
  }
  return { scheduler, process, network, handled, answered, call }
}

test('requests of a lane are handled in order, one behind the other; those of other lanes overtake them', async () => {
  const { scheduler, handled, answered, call } = world()
  call('slow', { takesMs: 100 })
  call('behind')
  call('other', { lane: 'y' })
  for (const name of ['held', 'held too']) call(name, { lane: 'fetch', takesMs: 50 })
  await scheduler.run(() => false)
  expect(answered.indexOf('slow')).toBeLessThan(answered.indexOf('behind'))
  expect(answered[0]).toBe('other')
  expect(handled.indexOf('behind')).toBe(4)
  expect(answered.slice(1, 3).sort()).toEqual(['held', 'held too'])
})

test('a lost request was not handled, a lost answer was; all that is under way on the connection is lost with it', async () => {
  const { scheduler, network, handled, answered, call } = world()
  network.conditions = { ...CALM, lostRequest: 1 }
  call('never')
  await scheduler.run(() => false)
  network.conditions = { ...CALM, lostAnswer: 1 }
  call('done')
  call('with it')
  await scheduler.run(() => false)
  expect(handled[0]).toBe('done')
  expect(answered).toEqual(['never lost', 'done lost', 'with it lost'])
})

test('a late request arrives behind one that was sent after it', async () => {
  const { scheduler, network, handled, answered, call } = world()
  network.conditions = { ...CALM, lateRequest: 1 }
  call('late')
  await scheduler.run(() => answered.length === 1)
  network.conditions = CALM
  call('next')
  await scheduler.run(() => false)
  expect(handled).toEqual(['next', 'late'])
  expect(answered).toEqual(['late lost', 'next'])
})

test('a process that is dead is told nothing, a paused one later', async () => {
  const { scheduler, process, answered, call } = world()
  process.pause()
  call('waits')
  await scheduler.run(() => false)
  expect(answered).toEqual([])
  process.resume()
  await scheduler.run(() => false)
  expect(answered).toEqual(['waits'])
  call('nobody')
  process.kill()
  await scheduler.run(() => false)
  expect(answered).toEqual(['waits'])
})

test('a node that is silent: the heartbeat gives up after 3 s, others after 30; stalled requests arrive when it is over', async () => {
  const { scheduler, network, handled, answered, call } = world()
  network.stall(1, 10_000)
  call('heartbeat', { api: 'heartbeat', lane: 'heartbeat' })
  call('produce')
  await scheduler.run(() => answered.length === 1)
  expect(scheduler.monotonicMs()).toBeCloseTo(3_000, -1)
  await scheduler.run(() => answered.length === 2)
  expect(answered).toEqual(['heartbeat lost', 'produce'])
  expect(handled).toContain('produce')
  expect(scheduler.monotonicMs()).toBeGreaterThan(10_000)
})

test('a stall that begins when a request is on its way holds this one', async () => {
  const { scheduler, network, answered, call } = world()
  network.stallAt('produce', 2, { forMs: 5_000, nodes: [1, 2] })
  call('first')
  call('second')
  call('other node', { node: 2 })
  await scheduler.run(() => answered.length === 1)
  expect(answered).toEqual(['first'])
  await scheduler.run(() => false)
  expect(scheduler.monotonicMs()).toBeGreaterThan(5_000)
  expect(answered).toHaveLength(3)
})

test('a request that hangs holds its own connection only', async () => {
  for (const what of ['request', 'answer'] as const) {
    const { scheduler, network, handled, answered, call } = world()
    network.hangAt('produce', 1, { what, forMs: 5_000 })
    call('hanging')
    call('behind')
    call('beside', { lane: 'y' })
    await scheduler.run(() => answered.length === 1)
    expect(answered).toEqual(['beside'])
    expect(handled.includes('hanging')).toBe(what === 'answer')
    expect(scheduler.monotonicMs()).toBeLessThan(100)
    await scheduler.run(() => answered.length === 3)
    expect(answered.slice(1)).toEqual(['hanging', 'behind'])
    expect(scheduler.monotonicMs()).toBeGreaterThan(5_000)
  }
})

test('an answer that hangs and is lost: its sender learns nothing until then, and what was asked for is done', async () => {
  const { scheduler, network, handled, answered, call } = world()
  network.hangAt('produce', 1, { what: 'lost-answer', forMs: 5_000 })
  call('hanging')
  call('beside', { lane: 'y' })
  await scheduler.run(() => answered.length === 1)
  expect(answered).toEqual(['beside'])
  expect(handled).toContain('hanging')
  await scheduler.run(() => false)
  expect(answered).toEqual(['beside', 'hanging lost'])
  expect(scheduler.monotonicMs()).toBeGreaterThan(5_000)
})
