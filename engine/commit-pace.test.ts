import { expect, test } from 'vitest'
import { CommitPace } from './commit-pace.ts'

const OPTIONS = { minIntervalMs: 10, targetRecords: 1_000, maxAgeMs: 60 }

test('after a quiet time a single record is committed at once', () => {
  expect(new CommitPace(OPTIONS).dueInMs({ records: 1, openedAtMs: 500 }, { nowMs: 500, inputWaiting: false, lag: 0, full: false })).toBe(0)
})

test('commits keep their distance while little comes in', () => {
  const pace = new CommitPace(OPTIONS)
  pace.started(500)
  expect(pace.dueInMs({ records: 1, openedAtMs: 502 }, { nowMs: 503, inputWaiting: false, lag: 0, full: false })).toBe(7)
  expect(pace.dueInMs({ records: 1, openedAtMs: 502 }, { nowMs: 510, inputWaiting: false, lag: 0, full: false })).toBe(0)
})

test('while input is waiting a transaction grows, up to its size or its age', () => {
  const pace = new CommitPace(OPTIONS)
  pace.started(500)
  expect(pace.dueInMs({ records: 999, openedAtMs: 500 }, { nowMs: 530, inputWaiting: true, lag: 100, full: false })).toBe(30)
  expect(pace.dueInMs({ records: 1_000, openedAtMs: 500 }, { nowMs: 530, inputWaiting: true, lag: 100, full: false })).toBe(0)
  expect(pace.dueInMs({ records: 10, openedAtMs: 500 }, { nowMs: 560, inputWaiting: true, lag: 100, full: false })).toBe(0)
})

test('while the input is far behind, transactions may be older', () => {
  const pace = new CommitPace(OPTIONS)
  pace.started(500)
  expect(pace.dueInMs({ records: 10, openedAtMs: 500 }, { nowMs: 560, inputWaiting: true, lag: 4_001, full: false })).toBe(180)
  expect(pace.dueInMs({ records: 1_000, openedAtMs: 500 }, { nowMs: 560, inputWaiting: true, lag: 4_001, full: false })).toBe(0)
})

test('a full transaction is committed now', () => {
  const pace = new CommitPace(OPTIONS)
  pace.started(500)
  expect(pace.dueInMs({ records: 1, openedAtMs: 500 }, { nowMs: 500, inputWaiting: true, lag: 100, full: true })).toBe(0)
})
