import { expect, test } from 'vitest'
import { NotWithinError, within } from './bounded.ts'

test('what comes in time is answered, its error too', async () => {
  expect(await within('an answer', 60_000, async () => 7)).toBe(7)
  await expect(within('an answer', 60_000, () => Promise.reject(new Error('refused')))).rejects.toThrow('refused')
})

test('what does not come is named, with what is known of it', async () => {
  const late = within('the last batch', 1, () => new Promise(() => {}), () => 'The load said last: no leader')
  await expect(late).rejects.toThrow(new NotWithinError('the last batch: not within 0.001 s. The load said last: no leader'))
})
