import { beforeEach, expect, test } from 'vitest'
import { VirtualClock } from '../test/support/virtual-clock.ts'
import { type AwaitedPosition, PositionWaiters } from './position-waiters.ts'

let clock: VirtualClock
let positions: Map<number, number>
let looks = 0
let waiters: PositionWaiters
const answers: [number, boolean | undefined][] = []

beforeEach(() => {
  clock = new VirtualClock()
  positions = new Map([[0, 10], [1, 10]])
  looks = 0
  answers.length = 0
  waiters = new PositionWaiters({
    clock,
    hasReached({ partition, offset }: AwaitedPosition) {
      looks++
      const position = positions.get(partition)
      return position === undefined ? undefined : position >= offset
    },
  })
})

function wait(partition: number, offset: number, waitMs = 1_000): void {
  void waiters.reached({ topic: 't', partition, offset }, waitMs).then((hasReached) => answers.push([offset, hasReached]))
}

test('each is answered once its position is reached, whatever the order in which they came', async () => {
  for (const offset of [30, 20, 10, 25]) wait(0, offset)
  await clock.advance(10)
  expect(answers).toEqual([[10, true]])
  positions.set(0, 25)
  await clock.advance(5)
  expect(answers.slice(1)).toEqual([[20, true], [25, true]])
  positions.set(0, 30)
  await clock.advance(5)
  expect(answers.at(-1)).toEqual([30, true])
})

test('a partition that has gone, and a time that is up', async () => {
  wait(0, 20)
  wait(1, 20, 100)
  wait(1, 30, 0)
  positions.delete(0)
  await clock.advance(5)
  expect(answers).toEqual([[30, false], [20, undefined]])
  await clock.advance(100)
  expect(answers.at(-1)).toEqual([20, false])
})

test('thousands that wait cost one look a partition, and nobody that waits none', async () => {
  for (let n = 0; n < 4_000; n++) wait(n % 2, 100 + n)
  await clock.advance(5)
  looks = 0
  await clock.advance(100)
  expect(looks).toBe(2 * 20)
  positions.set(0, 1e6).set(1, 1e6)
  await clock.advance(5)
  expect(answers.length).toBe(4_000)
  looks = 0
  await clock.advance(1_000)
  expect(looks).toBe(0)
})
