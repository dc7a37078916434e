import { expect, test, vi } from 'vitest'
import { answeredWithin } from './answered-within.ts'

test('what is not answered in time is retriable, and what comes of it later is nobody\'s', async () => {
  vi.useFakeTimers()
  try {
    const answer = Promise.withResolvers<number>()
    const outcome = expect(answeredWithin(45_000, 'adding documents', () => answer.promise)).rejects.toMatchObject({ scope: 'retriable', message: 'MongoDB, adding documents: no answer within 45 s' })
    await vi.advanceTimersByTimeAsync(45_000)
    await outcome
    answer.reject(new Error('too late'))
    await vi.advanceTimersByTimeAsync(1)
    expect(vi.getTimerCount()).toBe(0)
  } finally {
    vi.useRealTimers()
  }
})

test('what is answered in time is the answer, and no timer stays', async () => {
  vi.useFakeTimers()
  try {
    expect(await answeredWithin(1_000, 'reading', async () => 7)).toBe(7)
    await expect(answeredWithin(1_000, 'reading', () => Promise.reject(new Error('its own')))).rejects.toThrow('its own')
    expect(vi.getTimerCount()).toBe(0)
  } finally {
    vi.useRealTimers()
  }
})
