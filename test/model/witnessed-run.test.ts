import { expect, test } from 'vitest'
import { type ActualRecord, compare } from './compare.ts'
import { DAY_MS, faultless, NOW_MS, PARTITIONS, TRADE } from './model-fixture.ts'
import { plainPartitionOf } from './plain-murmur2.ts'
import { type ModelInput, TradeModel } from './trade-model.ts'
import { witnessedRun } from './witnessed-run.ts'

const TODAY = '2026-12-11'
const NEXT_DAY = '2026-12-12'
const OPTIONS = { partitions: PARTITIONS, maxMessageBytes: 1_048_588 }
const partition = plainPartitionOf(Buffer.from('T1'), PARTITIONS)

/** T1 is due when the date turns; version 2 comes in behind its expiry and makes it live again. */
const INPUTS = [input(0, { maturity_date: TODAY }), input(1, { version: 2 })]

function input(offset: number, fields: Record<string, unknown>): ModelInput {
  return { partition, offset, timestamp: NOW_MS, key: Buffer.from('T1'), value: Buffer.from(JSON.stringify({ ...TRADE, ...fields })), headers: [] }
}

/** What came out of a product that lets T1 expire behind so many inputs. */
function outputs({ expireBehind, inputs = INPUTS, turnAt = expireBehind ?? inputs.length }: { expireBehind?: number; inputs?: readonly ModelInput[]; turnAt?: number }): ActualRecord[] {
  const model = new TradeModel({ ...OPTIONS, businessDate: TODAY })
  const all = inputs.flatMap((record, at) => {
    if (at === turnAt) model.turnTo(NEXT_DAY)
    return [...(at === expireBehind ? model.expire(NOW_MS) : []), model.apply(record, NOW_MS)]
  })
  if (turnAt === inputs.length) model.turnTo(NEXT_DAY)
  if (expireBehind === inputs.length) all.push(...model.expire(NOW_MS))
  return faultless(all)
}

function wrongs(actual: readonly ActualRecord[], { inputs = INPUTS, businessDates = [TODAY, NEXT_DAY] }: { inputs?: readonly ModelInput[]; businessDates?: readonly string[] } = {}): string[] {
  const { expected, faults } = witnessedRun(inputs, actual, { ...OPTIONS, businessDates, processedAt: () => NOW_MS, toMs: NOW_MS + DAY_MS })
  const differences = compare(actual, expected, { processing: { fromMs: NOW_MS, toMs: NOW_MS + DAY_MS } })
  return [...faults, ...differences.map(({ topic, found }) => `${topic}: ${found}`)]
}

test('the order of expiries and inputs is the one that the audit has', () => {
  expect(wrongs(outputs({ expireBehind: 1 }))).toEqual([])
  expect(wrongs(outputs({}))).toEqual([])
  const [first] = INPUTS
  const alone = first === undefined ? [] : [first]
  expect(wrongs(outputs({ expireBehind: 1, inputs: alone }), { inputs: alone })).toEqual([])
})

test('a trade that is due and has not expired in the end is missed, in every topic', () => {
  const [first] = INPUTS
  const alone = first === undefined ? [] : [first]
  expect(wrongs(outputs({ inputs: alone }), { inputs: alone })).toEqual(['trade.audit: no such record', 'trade.processed: no such record', 'trade.expired: no such record'])
})

test('an expiry that is there twice, or of a trade that is not due, is one too many', () => {
  const actual = outputs({ expireBehind: 1 })
  const again = actual.filter(({ topic }) => topic === 'trade.expired').map((record) => ({ ...record, offset: record.offset + 1 }))
  expect(wrongs([...actual, ...again])).toEqual([expect.stringContaining('trade.expired: ')])
  const audits = actual.filter(({ value }) => value?.includes('"EXPIRED"')).map((record) => ({ ...record, offset: record.offset + 10 }))
  expect(wrongs([...actual, ...audits])).toEqual([expect.stringContaining('trade.audit: ')])
})

test('an expiry that is missing in one topic is missed there', () => {
  expect(wrongs(outputs({ expireBehind: 1 }).filter(({ topic }) => topic !== 'trade.expired'))).toEqual(['trade.expired: no such record'])
})

test('a business date goes back nowhere, and is one of those that there were', () => {
  const inputs = [...INPUTS, input(2, { version: 3 }), input(3, { version: 4 })]
  const turned = outputs({ expireBehind: 1, inputs })
  expect(wrongs(turned, { inputs })).toEqual([])
  const back = turned.map((record) => (record.value?.includes('"offset":3') ? { ...record, value: Buffer.from(record.value.toString().replace(NEXT_DAY, TODAY)) } : record))
  expect(wrongs(back, { inputs })[0]).toBe(`input ${partition}@3 has the business date ${TODAY}, earlier than that of what was before it in its partition, ${NEXT_DAY}`)
  expect(wrongs(turned, { inputs, businessDates: [TODAY, '2026-12-13'] })[0]).toContain(`has the business date ${NEXT_DAY}, there were only ${TODAY}, 2026-12-13`)
})
