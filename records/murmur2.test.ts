import { expect, test } from 'vitest'
import { murmur2, partitionOf } from './murmur2.ts'

test.each([
  ['21', -973932308],
  ['foobar', -790332482],
  ['a-little-bit-long-string', -985981536],
  ['a-little-bit-longer-string', -1486304829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
  ['abc', 479470107],
])('murmur2 of %s is that of Java (vectors of UtilsTest)', (text, hash) => {
  const bytes = Buffer.from(`..${text}..`)
  expect(murmur2(bytes, 2, bytes.length - 2)).toBe(hash)
})

test.each([
  ['kafka', 0xd067cf64],
  ['giberish123456789', 0x8f552b0c],
  ['1234', 0x9fc97b14],
  ['234', 0xe7c009ca],
  ['34', 0x873930da],
  ['4', 0x5a4b5ca1],
  ['PreAmbleWillBeRemoved,ThePrePartThatIs', 0x78424f1c],
  ['', 0x106e08d9],
])('murmur2 of %j is that of librdkafka (vectors of rdmurmur2.c), for its partitioners murmur2 and murmur2_random', (text, hash) => {
  const bytes = Buffer.from(`..${text}..`)
  expect(murmur2(bytes, 2, bytes.length - 2) >>> 0).toBe(hash)
})

test('a negative hash has a partition', () => {
  expect(partitionOf(-973932308, 12)).toBe((-973932308 & 0x7fffffff) % 12)
})
