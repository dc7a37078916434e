import { expect, test } from 'vitest'
import { FrameMemory } from './frame-memory.ts'

test('what was given back is used again, for a frame that fits', () => {
  const memory = new FrameMemory()
  const first = memory.take(300_000)
  expect(first.length).toBe(300_000)
  const second = memory.take(300_000)
  expect(second.buffer).not.toBe(first.buffer)
  memory.give(first)
  expect(memory.take(600_000).buffer).not.toBe(first.buffer)
  expect(memory.take(100_000).buffer).toBe(first.buffer)
})

test('given back twice, it is lent once', () => {
  const memory = new FrameMemory()
  const frame = memory.take(100_000)
  memory.give(frame)
  memory.give(frame)
  expect(memory.take(100_000).buffer).toBe(frame.buffer)
  expect(memory.take(100_000).buffer).not.toBe(frame.buffer)
})

test('buffers of others, small ones and giants are left alone', () => {
  const memory = new FrameMemory()
  for (const bytes of [10, 9 * 1024 * 1024]) {
    const frame = memory.take(bytes)
    memory.give(frame)
    expect(frame.length).toBe(bytes)
    expect(memory.take(bytes).buffer).not.toBe(frame.buffer)
  }
  const foreign = Buffer.alloc(100_000)
  memory.give(foreign)
  expect(memory.take(100_000).buffer).not.toBe(foreign.buffer)
})

test('a frame that nobody gives back does not come again', () => {
  const memory = new FrameMemory()
  const frames = Array.from({ length: 30 }, () => memory.take(40_000))
  expect(new Set(frames.map(({ buffer }) => buffer)).size).toBe(30)
  for (const frame of frames) memory.give(frame)
  const again = Array.from({ length: 30 }, () => memory.take(40_000))
  expect(again.filter(({ buffer }) => frames.some((frame) => frame.buffer === buffer))).toHaveLength(16)
})
