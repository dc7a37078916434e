import { expect, test } from 'vitest'
import { ByteWriter } from '../records/byte-writer.ts'
import { InstantText } from './instant-text.ts'

test('writes times as Date does, whatever was written before', () => {
  const instants = new InstantText()
  const noon = Date.UTC(2026, 11, 11, 12)
  const times = [
    0,
    noon,
    noon + 1,
    noon + 999,
    noon + 1000,
    noon + 59_999,
    noon + 60_000,
    noon - 1,
    noon + 12 * 3_600_000,
    0,
    1,
    -1,
    Date.UTC(2028, 1, 29, 23, 59, 59, 999),
    Date.UTC(9999, 11, 31, 23, 59, 59, 999),
    951_782_400_000,
  ]
  expect(times.map((ms) => instants.text(ms))).toEqual(times.map((ms) => new Date(ms).toISOString()))
})

test('writes behind what is there', () => {
  const target = new ByteWriter(1)
  target.ascii('at ')
  new InstantText().write(target, 1)
  expect(target.buffer.toString('latin1', 0, target.position)).toBe('at 1970-01-01T00:00:00.001Z')
})
