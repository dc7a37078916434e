import { expect, test } from 'vitest'
import { isRefusedByPostgres } from './storable.ts'

// Both sides of each limit, as PostgreSQL 18 has them.
test.each([
  ['1e131071', false],
  ['1e131072', true],
  ['-9e131072', true],
  ['0e131072', false],
  ['1e-16383', false],
  ['1e-16384', true],
  [`0.${'1'.repeat(16_383)}`, false],
  [`0.${'1'.repeat(16_384)}`, true],
])('PostgreSQL and the number %.20s: refused %s', (number, refused) => {
  const short = number.length > 40 ? `${number.length} digits` : number
  expect(isRefusedByPostgres(Buffer.from(`{"a":[{"b":${number}}]}`)), short).toBe(refused)
})

test('a tombstone, texts and numbers of any precision within the limits are kept', () => {
  expect(isRefusedByPostgres(null)).toBe(false)
  expect(isRefusedByPostgres(Buffer.from('{"a":"1e200000","b":123456789012345678901234567890.5,"c":[true,null]}'))).toBe(false)
})
