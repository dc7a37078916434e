import { compressFrameSync, decompressFrameSync } from 'lz4-napi'

const MAGIC = 0x184d2204
const FLAG = { blockChecksum: 0x10, contentSize: 0x08, contentChecksum: 0x04, dictionary: 0x01 } as const
const STORED_BLOCK = 0x80000000
/** A byte of an extended length stands for 255 bytes at most. */
const MOST_EXPANSION = 255

export function compressLz4(bytes: Buffer): Buffer {
  return compressFrameSync(bytes)
}

/**
 * Decompresses one frame. The library knows no limit and takes a frame that was cut between blocks for a whole one: its size is
 * computed from its blocks first.
 *
 * @throws Error if damaged or above the limit.
 */
export function decompressLz4(bytes: Buffer, limitBytes: number): Buffer {
  if (frameSize(bytes, false) > limitBytes) {
    const size = frameSize(bytes, true)
    if (size > limitBytes) throw new Error(`lz4: the frame would become ${size} bytes, the limit is ${limitBytes}`)
  }
  return decompressFrameSync(bytes)
}

/** What the frame becomes: exactly, or (without looking into its blocks) at most. */
function frameSize(bytes: Buffer, exact: boolean): number {
  if (bytes.length < 11 || bytes.readUInt32LE(0) !== MAGIC) throw new Error('lz4: found no frame, expected its magic number and an end')
  const flags = bytes.readUInt8(4)
  const mostPerBlock = 2 ** (8 + 2 * ((bytes.readUInt8(5) >> 4) & 7))
  let at = 7 + (flags & FLAG.contentSize ? 8 : 0) + (flags & FLAG.dictionary ? 4 : 0)
  let size = 0
  for (;;) {
    if (at + 4 > bytes.length) throw new Error(`lz4: the frame of ${bytes.length} bytes is cut: it has no end mark`)
    const field = bytes.readUInt32LE(at)
    at += 4
    if (field === 0) break
    const length = field % STORED_BLOCK
    if (length > bytes.length - at) throw new Error(`lz4: found a block of ${length} bytes at ${at}, ${bytes.length - at} are left`)
    if (field >= STORED_BLOCK) size += length
    else size += exact ? blockSize(bytes, at, at + length) : Math.min(mostPerBlock, length * MOST_EXPANSION)
    at += length + (flags & FLAG.blockChecksum ? 4 : 0)
  }
  if (flags & FLAG.contentChecksum) at += 4
  if (at !== bytes.length) throw new Error(`lz4: the frame ends at byte ${at}, expected ${bytes.length}`)
  return size
}

/** What a block becomes, from its sequences: token, literals, offset, and lengths that go on in further bytes while these are 255. */
function blockSize(bytes: Buffer, start: number, end: number): number {
  let size = 0
  let at = start
  const length = (nibble: number): number => {
    let value = nibble
    for (let more = nibble === 15; more && at < end; ) {
      const byte = bytes.readUInt8(at++)
      value += byte
      more = byte === 255
    }
    return value
  }
  while (at < end) {
    const token = bytes.readUInt8(at++)
    const literals = length(token >> 4)
    at += literals
    size += literals
    if (at >= end) break
    at += 2
    size += length(token & 15) + 4
  }
  return size
}
