import { expect, test } from 'vitest'
import { forgetfulTotals, rehearse, totals } from '../../docs/examples/rehearsal.ts'

test('the example of the documentation holds, and its mistake is found and shrunk to what it takes', { timeout: 300_000 }, async () => {
  expect(await rehearse(totals)).toBeUndefined()
  const failure = await rehearse(forgetfulTotals)
  expect(failure?.violations[0]).toMatch(/account-\d+ holds \d+, and \d+ were paid in/)
  expect(failure?.faults.length).toBeLessThanOrEqual(2)
})
