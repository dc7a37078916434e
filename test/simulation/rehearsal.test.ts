import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { forgetfulTotals, rehearse, totals } from '../../docs/examples/rehearsal.ts'

test('the example of the documentation holds, and its mistake is found and shrunk to what it takes', { timeout: 300_000 }, async () => {
  expect(await rehearse(totals)).toBeUndefined()
  const failure = await rehearse(forgetfulTotals)
  expect(failure?.violations[0]).toMatch(/account-\d+ holds \d+, and \d+ were paid in/)
  expect(failure?.faults.length).toBeLessThanOrEqual(2)
})

test('it is there under the name of the package, for whoever runs Node without anything else', () => {
  const script = `import { simulate } from 'tradewind/testing'; process.stdout.write(typeof simulate)`
  const root = fileURLToPath(new URL('../..', import.meta.url))
  expect(execFileSync(process.execPath, ['--input-type=module', '-e', script], { cwd: root, encoding: 'utf8' })).toBe('function')
})
