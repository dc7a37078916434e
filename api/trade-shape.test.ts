import { Compile } from 'typebox/compile'
import { expect, test } from 'vitest'
import { ProblemError } from './problem.ts'
import { TRADE } from './testing/gateway-fixture.ts'
import { checkTrade, TradeSchema } from './trade-shape.ts'

const schema = Compile(TradeSchema)

/** Values of each field, good and bad: the reader of the processor and the schema of the documentation have to agree on every one. */
const VALUES: Readonly<Record<string, readonly unknown[]>> = {
  trade_id: ['T1', ' ', 'ä', '🚢'.repeat(50), '🚢'.repeat(51), 'x'.repeat(51), 'x'.repeat(50), '', 'a\u0000b', 5, null, {}, ['T1']],
  version: [1, 2_147_483_647, 2_147_483_648, 0, -1, 1.5, '1', null, true, 2 ** 53],
  counterparty_id: ['CP', '', 7],
  book_id: ['B', '', 'x'.repeat(51)],
  maturity_date: ['2027-05-20', '2028-02-29', '2027-02-29', '2027-13-01', '2027-5-1', '2027-05-20T00:00:00Z', '', 20270520, null],
  created_date: ['2026-12-11', '2026-12-32', false],
}

test.each(Object.entries(VALUES).flatMap(([field, values]) => [undefined, ...values].map((value) => [field, value] as const)))('%s = %j: schema and reader agree', (field, value) => {
  const trade: Record<string, unknown> = { ...TRADE, [field]: value }
  const text = JSON.stringify(trade)
  const checked = checkTrade(Buffer.from(text))
  expect(!(checked instanceof ProblemError)).toBe(schema.Check(JSON.parse(text)))
  // What no string may hold is a fault of the text as a whole.
  const pointer = text.includes('\\u0000') ? '' : `/${field}`
  if (checked instanceof ProblemError) expect(checked.options.errors?.map((part) => part.pointer)).toEqual([pointer])
})
