import { compressSync, uncompressSync } from 'snappy'
import { ByteReader } from './byte-reader.ts'

/** The framing of xerial's snappy-java, which Kafka's Java client writes and reads: this magic, two versions, then blocks with their length before them. */
const XERIAL_MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00])
const XERIAL_HEADER = Buffer.concat([XERIAL_MAGIC, Buffer.from([0, 0, 0, 1, 0, 0, 0, 1])])

/** Snappy compresses 64 KB at a time whatever it is given. */
const BLOCK_BYTES = 64 * 1024
/** The densest element copies 64 bytes in 3: a block that claims more is lying, and would have that much allocated for it. */
const MOST_EXPANSION = 22

export function compressSnappy(bytes: Buffer): Buffer {
  const parts: Buffer[] = [XERIAL_HEADER]
  for (let at = 0; at < bytes.length; at += BLOCK_BYTES) {
    const block = compressSync(bytes.subarray(at, at + BLOCK_BYTES))
    const length = Buffer.allocUnsafe(4)
    length.writeInt32BE(block.length)
    parts.push(length, block)
  }
  return Buffer.concat(parts)
}

/** Reads xerial's framing, and a raw block, which librdkafka and others write. @throws Error if damaged or above the limit. */
export function decompressSnappy(bytes: Buffer, limitBytes: number): Buffer {
  if (!bytes.subarray(0, XERIAL_MAGIC.length).equals(XERIAL_MAGIC)) return decompressBlock(bytes, limitBytes)
  const parts: Buffer[] = []
  let size = 0
  let at = XERIAL_HEADER.length
  if (at > bytes.length) throw new Error(`snappy: found a framing header of ${bytes.length} bytes, expected ${at}`)
  while (at < bytes.length) {
    const length = bytes.length - at < 4 ? -1 : bytes.readInt32BE(at)
    at += 4
    if (length < 0 || length > bytes.length - at) throw new Error(`snappy: found a block of ${length} bytes at ${at}, ${bytes.length - at} are left`)
    const part = decompressBlock(bytes.subarray(at, at + length), limitBytes - size)
    parts.push(part)
    size += part.length
    at += length
  }
  return parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts, size)
}

function decompressBlock(block: Buffer, limitBytes: number): Buffer {
  const claimed = new ByteReader().reset(block, 0, block.length).unsignedVarint()
  if (claimed > limitBytes) throw new Error(`snappy: a block would become ${claimed} bytes, the limit leaves ${limitBytes}`)
  if (claimed > block.length * MOST_EXPANSION) throw new Error(`snappy: a block of ${block.length} bytes claims to become ${claimed}`)
  const bytes = uncompressSync(block, { asBuffer: true })
  // The declared type has a string for asBuffer false.
  if (typeof bytes === 'string') throw new Error('snappy: found text, expected bytes')
  return bytes
}
