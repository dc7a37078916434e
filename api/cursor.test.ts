import { afterAll, beforeEach, expect, test } from 'vitest'
import { GatewayFixture } from './testing/gateway-fixture.ts'
import { readCursor, writeCursor } from './cursor.ts'

const at = await GatewayFixture.create()
beforeEach(() => at.reset())
afterAll(() => at.server.close())

const text = (json: string) => Buffer.from(json).toString('base64url')

test('a cursor is read as it was written, up to its bound', () => {
  for (const key of [[0, ''], [1_000, 'ä/ö 🚢'], [7, 'x']] as const) expect(readCursor<[number, string]>(writeCursor(key), [1_000, 'string'])).toEqual(key)
})

test.each(['', '[]', '[1]', '[1,2]', '["1","x"]', '[1,"x",2]', '{"0":1,"1":"x"}', 'null', '[1001,"x"]', '[-1,"x"]', '[0.5,"x"]', '[null,"x"]', '[1,"\\u0000"]', '[1,'])('%s is no cursor of a number up to 1,000 and a text', (json) => {
  expect(() => readCursor<[number, string]>(text(json), [1_000, 'string'])).toThrow('the cursor is not one that a page has ended with')
})

test.each([
  ...['[1.5]', '[-1]', '[2147483648]', '[3000000000]', '[1e300]'].map((key) => `trades/T1/versions?cursor=${text(key)}`),
  ...['[1.5,"x"]', '[-1,"x"]', '[8640000000000001,"x"]', '[1e300,"x"]'].map((key) => `audit-logs?cursor=${text(key)}`),
  // A leap second is a date-time, and none that Date knows.
  'audit-logs?from=2026-12-31T23:59:60Z',
  'audit-logs?to=2026-12-31T23:59:60Z',
])('GET /%s is 400, and no database is asked', async (path) => {
  at.trades.versions = () => Promise.reject(new Error('a database was asked'))
  const asked = at.events.filters.length
  const answer = await at.server.inject({ url: `/api/v1/${path}` })
  expect([answer.statusCode, answer.json().errors[0].parameter, at.events.filters.length]).toEqual([400, path.split(/[?=]/)[1], asked])
})
