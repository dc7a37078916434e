import { compressFrameSync, decompressFrameSync } from 'lz4-napi'

export function compressLz4(bytes: Buffer): Buffer {
  return compressFrameSync(bytes)
}

export function decompressLz4(bytes: Buffer, limitBytes: number): Buffer {
  const decompressed = decompressFrameSync(bytes)
  if (decompressed.length > limitBytes) throw new Error(`lz4: the frame became ${decompressed.length} bytes, the limit is ${limitBytes}`)
  return decompressed
}
