import { expect, test } from 'vitest'
import { sleep } from '../../ports/clock.ts'
import { LivelockError, Scheduler } from './scheduler.ts'
import { SeededRandom } from './seeded-random.ts'

test('events come by time, then in the order in which they were asked for; what one sets off ends before the next', async () => {
  const scheduler = new Scheduler()
  const seen: string[] = []
  scheduler.after(20, () => seen.push(`late ${scheduler.monotonicMs()}`))
  const long = async (): Promise<void> => {
    seen.push('first')
    for (let i = 0; i < 50; i++) await Promise.resolve()
    seen.push('all of it')
  }
  scheduler.after(10, () => void long())
  scheduler.after(10, () => seen.push('second'))
  scheduler.after(5, () => seen.push('cancelled')).cancel()
  await scheduler.run(() => false)
  expect(seen).toEqual(['first', 'all of it', 'second', 'late 20'])
})

test('a turn lets what is due at the same time go first', async () => {
  const scheduler = new Scheduler()
  const seen: string[] = []
  scheduler.after(0, () => void scheduler.turn().then(() => seen.push('after the turn')))
  scheduler.after(0, () => seen.push('other'))
  await scheduler.run(() => false)
  expect(seen).toEqual(['other', 'after the turn'])
})

test('hours pass at once; the run ends when it is told to', async () => {
  const scheduler = new Scheduler()
  let ticks = 0
  const tick = async (): Promise<void> => {
    for (;;) {
      await sleep(scheduler, 3_600_000)
      ticks++
    }
  }
  void tick()
  await scheduler.run(() => ticks === 1_000)
  expect(scheduler.monotonicMs()).toBe(1_000 * 3_600_000)
})

test('an event that throws ends the run, and so does one that repeats itself for ever', async () => {
  const thrown = new Scheduler()
  thrown.after(1, () => {
    throw new Error('from the event')
  })
  await expect(thrown.run(() => false)).rejects.toThrow('from the event')
  const endless = new Scheduler()
  const again = (): void => void endless.after(0, again)
  again()
  await expect(endless.run(() => false)).rejects.toThrow(LivelockError)
})

test('chance comes from the seed alone, and forks do not disturb one another', () => {
  const draw = (random: SeededRandom) => Array.from({ length: 5 }, () => random.next())
  expect(draw(new SeededRandom(7))).toEqual(draw(new SeededRandom(7)))
  expect(draw(new SeededRandom(7))).not.toEqual(draw(new SeededRandom(8)))
  const root = new SeededRandom(7)
  const before = draw(root.fork('network'))
  draw(root)
  expect(draw(root.fork('network'))).toEqual(before)
  const many = Array.from({ length: 10_000 }, () => root.next())
  expect(many.reduce((sum, n) => sum + n) / many.length).toBeCloseTo(0.5, 1)
  expect(Math.min(...many)).toBeGreaterThanOrEqual(0)
  expect(Math.max(...many)).toBeLessThan(1)
})

test('where the run is started from makes no difference', async () => {
  const order = async (): Promise<string[]> => {
    const scheduler = new Scheduler()
    const seen: string[] = []
    const main = async (): Promise<void> => {
      for (let i = 0; i < 10; i++) await Promise.resolve()
      seen.push('main')
    }
    scheduler.after(0, () => seen.push('event'))
    void main()
    await scheduler.run(() => false)
    return seen
  }
  expect(await order()).toEqual(['main', 'event'])
  expect(await new Promise<string[]>((resolve) => setTimeout(() => void order().then(resolve), 1))).toEqual(['main', 'event'])
})
