import { expect, test } from 'vitest'
import { ago, bytes, clockTime, count, dateTime, duration, milliseconds, rate, shortCount, shortName, things } from './format.js'

test('numbers, short where they would not fit', () => {
  expect([count(1_284_903), count(null), shortCount(124_000), shortCount(12_440_000), shortCount(3.2e9)]).toEqual(['1,284,903', '–', '124,000', '12.4 M', '3.2 G'])
  expect([rate(0), rate(0.44), rate(9.96), rate(2_101.6), rate(undefined)]).toEqual(['0', '0.4', '10.0', '2,102', '–'])
})

test('spans of time, in two units at most', () => {
  expect([0, 0.3, 59.6, 61, 3_600, 7_265, 86_405, 200_000].map(duration)).toEqual(['0 s', '< 1 s', '1 min', '1 min 1 s', '1 h', '2 h 1 min', '1 d', '2 d 7 h'])
  expect([0, 7.24, 41.2, 2_140, 61_000].map(milliseconds)).toEqual(['0 ms', '7.2 ms', '41 ms', '2.1 s', '1 min 1 s'])
})

test('sizes', () => {
  expect([0, 999, 1_000, 999_700, 34_120_000, 412_000_000, 5e15].map(bytes)).toEqual(['0 B', '999 B', '1.0 kB', '1.0 MB', '34.1 MB', '412 MB', '5,000 TB'])
})

test('moments are UTC, and what is none is shown as it is', () => {
  expect([clockTime('2026-12-11T18:04:31.123+01:00'), dateTime('2026-12-11T18:04:31.123Z'), dateTime('soon')]).toEqual(['17:04:31', '2026-12-11 18:04:31.123', 'soon'])
  expect([ago('2026-12-11T00:00:00Z', Date.UTC(2026, 11, 11, 0, 5)), ago('2026-12-11T00:00:00Z', Date.UTC(2026, 11, 11))]).toEqual(['5 min ago', 'just now'])
})

test('one thing, many things', () => {
  expect([things(1, 'record'), things(2_000, 'record'), things(0, 'entry', 'entries')]).toEqual(['1 record', '2,000 records', '0 entries'])
})

test('the name of an instance, without most of the UUID in it', () => {
  expect(['trades-b90cada1-d503-4f4b-a919-9870d8d4b860-0', 'trades-a-1'].map(shortName)).toEqual(['trades-b90cada1…-0', 'trades-a-1'])
})
