import { expect, test } from 'vitest'
import type { HeldMemory } from '../thread-statistics.ts'
import { overdraft } from './memory-watch.ts'

const SETTINGS = { maxBufferedBytes: 1_000, producers: 2, nodes: 3 } as const

function holding(part: Partial<HeldMemory>): HeldMemory {
  return { queues: [], fetchedChunks: 0, commitsInFlight: 0, open: { number: 1, bytes: 0, isFull: false }, ...part }
}

test('a queue may pass its limit by one chunk, and by what was under way then', () => {
  const queue = (chunkBytes: number[]) => holding({ queues: [{ topic: 'in', partition: 1, chunkBytes }] })
  expect(overdraft(queue([900, 100, 5_000, 5_000, 5_000]), undefined, SETTINGS)).toBeUndefined()
  expect(overdraft(queue([900, 101, 1, 1, 1]), undefined, SETTINGS)).toBe('in-1 was fetched although 1001 bytes were waiting, and 1000 may')
})

test('chunks that wait, and commits, are counted', () => {
  expect(overdraft(holding({ fetchedChunks: 6, commitsInFlight: 2 }), undefined, SETTINGS)).toBeUndefined()
  expect(overdraft(holding({ fetchedChunks: 7 }), undefined, SETTINGS)).toBe('7 fetched chunks wait, 6 may')
  expect(overdraft(holding({ commitsInFlight: 3 }), undefined, SETTINGS)).toBe('3 transactions are being committed by 2 producers')
})

test('a full transaction takes nothing more; the next one does', () => {
  const full = holding({ open: { number: 4, bytes: 500, isFull: true } })
  const grown = (number: number) => holding({ open: { number, bytes: 600, isFull: true } })
  expect(overdraft(grown(5), full, SETTINGS)).toBeUndefined()
  expect(overdraft(full, full, SETTINGS)).toBeUndefined()
  expect(overdraft(grown(4), full, SETTINGS)).toBe('a transaction that was full with 500 bytes has grown to 600')
})
