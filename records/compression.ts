import { gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { compressFrameSync, decompressFrameSync } from 'lz4-napi'
import { compressSync as snappyCompress, uncompressSync as snappyUncompress } from 'snappy'

export type Compression = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd'

/** By the number in a batch's attributes. */
export const COMPRESSIONS: readonly Compression[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd']

/** A batch of one megabyte that unpacks to more than this is an attack or an accident. */
const MAX_DECOMPRESSED_BYTES = 256 * 1024 * 1024
/** Magic of xerial's framing, which Java's snappy writes: 8 bytes, two int32 versions, then chunks with an int32 length each. */
const XERIAL = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00])
const XERIAL_HEADER_BYTES = 16

export function compress(compression: Compression, bytes: Buffer): Buffer {
  switch (compression) {
    case 'none':
      return bytes
    case 'gzip':
      return gzipSync(bytes)
    case 'snappy':
      return snappyCompress(bytes)
    case 'lz4':
      return compressFrameSync(bytes)
    case 'zstd':
      return zstdCompressSync(bytes)
  }
}

/** Throws where the bytes are not what they should be, or unpack to more than 256 MB. */
export function decompress(compression: Compression, bytes: Buffer): Buffer {
  switch (compression) {
    case 'none':
      return bytes
    case 'gzip':
      return gunzipSync(bytes, { maxOutputLength: MAX_DECOMPRESSED_BYTES })
    case 'snappy':
      return unsnap(bytes)
    case 'lz4':
      return bounded(decompressFrameSync(bytes))
    case 'zstd':
      return zstdDecompressSync(bytes, { maxOutputLength: MAX_DECOMPRESSED_BYTES })
  }
}

function unsnap(bytes: Buffer): Buffer {
  if (!bytes.subarray(0, XERIAL.length).equals(XERIAL)) return unsnapBlock(bytes)
  const blocks: Buffer[] = []
  for (let at = XERIAL_HEADER_BYTES; at < bytes.length; ) {
    const length = bytes.readInt32BE(at)
    if (length <= 0 || at + 4 + length > bytes.length) throw new RangeError(`a snappy block of ${length} bytes at ${at} of ${bytes.length}`)
    blocks.push(unsnapBlock(bytes.subarray(at + 4, at + 4 + length)))
    at += 4 + length
  }
  return bounded(Buffer.concat(blocks))
}

/** A snappy block begins with its unpacked length: looked at before anything is allocated. */
function unsnapBlock(bytes: Buffer): Buffer {
  let length = 0
  for (let i = 0; i < 5; i++) {
    const byte = bytes[i] ?? 0
    length += (byte & 127) * 2 ** (7 * i)
    if (byte < 128) break
  }
  if (length > MAX_DECOMPRESSED_BYTES) throw new RangeError(`a snappy block announces ${length} bytes`)
  return snappyUncompress(bytes, { asBuffer: true }) as Buffer
}

function bounded(bytes: Buffer): Buffer {
  if (bytes.length > MAX_DECOMPRESSED_BYTES) throw new RangeError(`unpacks to ${bytes.length} bytes, more than ${MAX_DECOMPRESSED_BYTES}`)
  return bytes
}
