import { EventEmitter } from 'node:events'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { onInterruption } from './interruption.ts'
import { Nemesis, type NemesisOptions } from './nemesis.ts'

const HOUR_MS = 3_600_000

// Only what waits for faults: how it goes on afterwards is looked at in real time.
beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
afterEach(() => void vi.useRealTimers())

/** An hour of faults to one proxy, in a world in which everything goes on by itself. */
function nemesisOver(endEarly: AbortSignal, onStart: () => void = () => {}) {
  const said: string[] = []
  const nothing = () => {}
  const heal = () => {
    said.push('healed')
    setImmediate(() => nemesis.look())
  }
  const proxy = { name: 'the only one', lost: 0, stall: () => said.push('parted'), cut: nothing, heal }
  const world = { proxies: { brokers: [proxy], postgres: proxy, mongo: [proxy] }, allProxies: [proxy], excuses: {}, allInSync: async () => true }
  const watch = { committedSerials: [0], postgres: [1], mongo: [1], ends: { processed: [0], audit: [0] } }
  const options = { world, watch, load: { sent: 0 }, http: { begun: 0, settledUpTo: 0 }, seed: 7, durationMs: HOUR_MS, kinds: ['network parted'], endEarly, onStart, onFault: nothing }
  // of the world only what this fault touches
  const nemesis = new Nemesis(options as unknown as NemesisOptions)
  return { nemesis, said }
}

test('faults that are ended early are undone at once, and no more are made', async () => {
  const ending = new AbortController()
  const started = Promise.withResolvers<void>()
  const { nemesis, said } = nemesisOver(ending.signal, started.resolve)
  const run = nemesis.run()
  await vi.advanceTimersByTimeAsync(2_000)
  await started.promise
  expect(said).toEqual(['parted'])
  ending.abort()
  await run
  expect(said).toEqual(['parted', 'healed'])
  expect(nemesis.records).toMatchObject([{ kind: 'network parted', wholeAgainMs: expect.any(Number) }])
  expect(nemesis.endedEarlyMs).toBeLessThan(HOUR_MS)
})

test('what is ended before the first fault has none', async () => {
  const ending = new AbortController()
  const { nemesis, said } = nemesisOver(ending.signal)
  const run = nemesis.run()
  ending.abort()
  await run
  expect([said, nemesis.records]).toEqual([[], []])
  expect(nemesis.endedEarlyMs).toBeLessThan(HOUR_MS)
})

test.each([['SIGINT', 'SIGINT'], ['SIGTERM', 'SIGTERM'], ['SIGINT', 'SIGTERM'], ['SIGTERM', 'SIGINT']])('the first signal ends early, the next one by force: %s, %s', (first, second) => {
  const said: string[] = []
  const source = new EventEmitter()
  onInterruption(source, { first: () => said.push('early'), second: () => said.push('by force') })
  source.emit(first)
  expect(said).toEqual(['early'])
  source.emit(second)
  expect(said).toEqual(['early', 'by force'])
})
