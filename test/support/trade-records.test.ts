import { expect, test } from 'vitest'
import { processingTimes } from './trade-records.ts'

const HOUR_MS = 3_600_000
const FROM_MS = Date.UTC(2026, 10, 21, 12)
const RUN = { fromMs: FROM_MS, toMs: FROM_MS + 2 * HOUR_MS }

function processedAt(inputMs: number, stampMs: number): number {
  const value = Buffer.from('{"source":{"topic":"trade.ingested","partition":1,"offset":7}}')
  const audit = { topic: 'trade.audit', partition: 1, offset: 0, timestamp: stampMs, key: null, value, headers: [] }
  return processingTimes([audit], RUN)({ partition: 1, offset: 7, timestamp: inputMs, key: null, value: null, headers: [] })
}

test('an entry with another time than its input says when it was processed', () => {
  expect(processedAt(FROM_MS - 30 * HOUR_MS, FROM_MS + 5)).toBe(FROM_MS + 5)
})

test('one that kept the time of an input that is a day old by the end was processed before that', () => {
  const inputMs = FROM_MS - 23 * HOUR_MS
  expect(processedAt(inputMs, inputMs)).toBe(FROM_MS + HOUR_MS)
})

test('one that kept a time that was never within the day is judged by the end, and is wrong', () => {
  const inputMs = FROM_MS - 25 * HOUR_MS
  expect(processedAt(inputMs, inputMs)).toBe(RUN.toMs)
  expect(processedAt(FROM_MS, FROM_MS)).toBe(RUN.toMs)
})
