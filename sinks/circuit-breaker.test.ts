import { expect, test } from 'vitest'
import { VirtualClock } from '../test/support/virtual-clock.ts'
import { CircuitBreaker } from './circuit-breaker.ts'

const random = { next: () => 1, uuid: () => '' }
const { signal } = new AbortController()

function breakerOf() {
  const clock = new VirtualClock()
  return { clock, breaker: new CircuitBreaker({ clock, random, threshold: 3, firstDelayMs: 100, longestDelayMs: 350 }) }
}

/** Tells whether an attempt is admitted after a time, and not a millisecond before. */
async function admittedAfter(clock: VirtualClock, breaker: CircuitBreaker, ms: number): Promise<boolean> {
  let admitted = false
  void breaker.admit(signal).then(() => {
    admitted = true
  })
  await clock.advance(ms - 1)
  const early = admitted
  await clock.advance(1)
  return admitted && !early
}

test('pauses double up to the longest, and a success ends them', async () => {
  const { clock, breaker } = breakerOf()
  for (const pauseMs of [100, 200, 350, 350]) {
    breaker.failed()
    expect(await admittedAfter(clock, breaker, pauseMs)).toBe(true)
  }
  breaker.succeeded()
  expect(breaker.state).toBe('closed')
  await breaker.admit(signal)
  breaker.failed()
  expect(await admittedAfter(clock, breaker, 100)).toBe(true)
})

test('open, it lets one attempt through; the others wait for what becomes of it', async () => {
  const { clock, breaker } = breakerOf()
  for (let i = 0; i < 3; i++) breaker.failed()
  expect(breaker.state).toBe('open')
  const admitted: string[] = []
  for (const name of ['a', 'b']) void breaker.admit(signal).then(() => admitted.push(name))
  await clock.advance(350)
  expect([admitted, breaker.state]).toEqual([['a'], 'half-open'])
  breaker.failed()
  await clock.advance(349)
  expect(admitted).toEqual(['a'])
  await clock.advance(1)
  expect(admitted).toEqual(['a', 'b'])
  breaker.succeeded()
  expect(breaker.state).toBe('closed')
})

test('an attempt that is not made is left to the next in line', async () => {
  const { clock, breaker } = breakerOf()
  for (let i = 0; i < 3; i++) breaker.failed()
  await clock.advance(350)
  await breaker.admit(signal)
  const next = breaker.admit(signal)
  breaker.unused()
  await next
  expect(breaker.state).toBe('half-open')
})

test('an abort ends the wait', async () => {
  const { breaker } = breakerOf()
  const stop = new AbortController()
  breaker.failed()
  const waiting = breaker.admit(stop.signal)
  stop.abort()
  await waiting
})
