import type { ByteWriter } from '../records/byte-writer.ts'

const QUOTE = 34
const BACKSLASH = 92
const HEX = Buffer.from('0123456789abcdef')

/** Writes UTF-8 text as a JSON string, quotes included. The text is known to be UTF-8. */
export function writeJsonString(target: ByteWriter, buffer: Buffer, start: number, end: number): void {
  target.byte(QUOTE)
  let from = start
  for (let at = start; at < end; at++) {
    const byte = buffer[at] ?? 0
    if (byte >= 32 && byte !== QUOTE && byte !== BACKSLASH) continue
    target.copy(buffer, from, at)
    from = at + 1
    writeEscaped(target, byte)
  }
  target.copy(buffer, from, end)
  target.byte(QUOTE)
}

/** Writes a safe integer from 0 on in decimal digits. */
export function writeInteger(target: ByteWriter, value: number): void {
  target.ensure(16)
  const { buffer } = target
  let digits = 1
  for (let limit = 10; value >= limit; limit *= 10) digits++
  let rest = value
  const start = target.position
  let at = start + digits - 1
  for (; rest > 0x7fffffff; at--) {
    const shorter = Math.floor(rest / 10)
    // In this order: 48 more than the largest safe integer is none.
    buffer[at] = rest - shorter * 10 + 48
    rest = shorter
  }
  // Within 31 bits division is by integers, which is faster.
  for (let small = rest | 0; at >= start; at--) {
    const shorter = (small / 10) | 0
    buffer[at] = 48 + small - shorter * 10
    small = shorter
  }
  target.position = start + digits
}

/** Text of a JSON string, given without its quotes. It is known to be valid. */
export function decodeJsonString(buffer: Buffer, start: number, end: number): string {
  return String(JSON.parse(`"${buffer.toString('utf8', start, end)}"`))
}

function writeEscaped(target: ByteWriter, byte: number): void {
  target.byte(BACKSLASH)
  if (byte >= 32) {
    target.byte(byte)
    return
  }
  target.ascii('u00')
  target.byte(HEX[byte >> 4] ?? 48)
  target.byte(HEX[byte & 15] ?? 48)
}
