import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { NewTrades } from '../support/new-trades.ts'
import { brokersOfRun, TradeEnvironment } from '../support/trade-environment.ts'
import { differencesFromModel } from '../support/trade-records.ts'

const TODAY = '2026-12-11'
const NEXT_DAY = '2026-12-12'
/** More than one portion of a punctuation, for each of the two partitions. */
const DUE = 6_000
const NOT_DUE = 1_000

describe.skipIf(brokersOfRun === undefined)('trades whose maturity passes', { timeout: 900_000 }, () => {
  let environment: TradeEnvironment

  beforeEach(async () => {
    environment = await TradeEnvironment.create({ settings: { 'topics.partitions': '2' } })
  })
  afterEach(() => environment.close())

  test('expire once when the date turns, on request, and through a kill in the middle', async () => {
    const fromMs = Date.now()
    const before = environment.processor({ settings: { 'business.date': TODAY } })
    await environment.generator({ workload: new NewTrades({ prefix: 'DUE-', maturity: TODAY }), ratePerS: 0, count: DUE }).run()
    await environment.generator({ workload: new NewTrades({ prefix: 'LATER-', maturity: NEXT_DAY }), ratePerS: 0, count: NOT_DUE }).run()
    await environment.processed(before)
    expect(await environment.command(['expire'])).toMatchObject({ exit: 'exit code 0', output: expect.stringContaining('0 trades expired') })
    await environment.stop(before)

    for (const failpoint of ['commit:acknowledged@1', 'commit:ended@2']) {
      const killed = environment.processor({ settings: { 'business.date': NEXT_DAY }, failpoint: `${failpoint}:kill` })
      await environment.until(`${failpoint} is passed`, () => killed.exit !== undefined)
      expect(killed.exit).toBe('SIGKILL')
    }
    const after = environment.processor({ settings: { 'business.date': NEXT_DAY } })
    await environment.running(after)
    const { exit, output } = await environment.command(['expire'])
    expect(exit).toBe('exit code 0')
    // What had been committed when the first ones died has expired already.
    expect(Number(/(\d+) trades expired/.exec(output)?.[1])).toBeLessThan(DUE)
    expect(await environment.command(['expire'])).toMatchObject({ output: expect.stringContaining('0 trades expired') })
    await environment.stop(after)
    const postgres = environment.sink('postgres')
    const mongo = environment.sink('mongo')
    await environment.written('postgres', postgres)
    await environment.written('mongo', mongo)
    await environment.stop(postgres, mongo)
    const toMs = Date.now()

    const { differences, outcomes } = await differencesFromModel(environment, {
      businessDate: TODAY,
      processing: { fromMs, toMs },
      afterInput: (model) => {
        model.turnTo(NEXT_DAY)
        return model.expire(toMs)
      },
    })
    expect(differences).toBe('')
    expect(outcomes).toEqual(new Map([['CREATED', DUE + NOT_DUE], ['EXPIRED', DUE]]))
    expect(await environment.faults()).toBe('')
  })
})
