import { gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { compressLz4, decompressLz4 } from './lz4-frame.ts'
import { compressSnappy, decompressSnappy } from './snappy-blocks.ts'

/** Compressions of a record batch, at the position of their number in the batch's attributes. */
export const COMPRESSIONS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const

export type Compression = (typeof COMPRESSIONS)[number]

/** What a batch may decompress to: a kilobyte of zeros' zeros must not take the process down. Kafka batches are a few MB at most. */
export const DECOMPRESSED_LIMIT_BYTES = 256 * 1024 * 1024

/** Output is gathered in chunks of this size; zlib's default of 16 KB makes 64 of them of a batch. */
const CHUNK_BYTES = 128 * 1024

/** Compresses the records of a batch. The answer is a buffer of its own, but for `none`, which gives back `bytes`. */
export function compress(compression: Compression, bytes: Buffer): Buffer {
  switch (compression) {
    case 'none':
      return bytes
    case 'gzip':
      return gzipSync(bytes, { chunkSize: CHUNK_BYTES })
    case 'snappy':
      return compressSnappy(bytes)
    case 'lz4':
      return compressLz4(bytes)
    case 'zstd':
      return zstdCompressSync(bytes, { chunkSize: CHUNK_BYTES })
  }
}

/** Decompresses the records of a batch. @throws Error if the bytes are damaged or would become more than `limitBytes`. */
export function decompress(compression: Compression, bytes: Buffer, limitBytes = DECOMPRESSED_LIMIT_BYTES): Buffer {
  switch (compression) {
    case 'none':
      return bytes
    case 'gzip':
      return gunzipSync(bytes, { maxOutputLength: limitBytes, chunkSize: CHUNK_BYTES })
    case 'snappy':
      return decompressSnappy(bytes, limitBytes)
    case 'lz4':
      return decompressLz4(bytes, limitBytes)
    case 'zstd':
      return zstdDecompressSync(bytes, { maxOutputLength: limitBytes, chunkSize: CHUNK_BYTES })
  }
}
