import { expect, test } from 'vitest'
import { crc32c } from './crc32c.ts'

test('the checksum of a stretch is that of RFC 3720', () => {
  expect(crc32c(Buffer.from('..123456789..'), 2, 11)).toBe(0xe3069283)
  expect(crc32c(Buffer.alloc(32), 0, 32)).toBe(0x8a9136aa)
  expect(crc32c(Buffer.alloc(32, 0xff), 0, 32)).toBe(0x62a8ab43)
})
