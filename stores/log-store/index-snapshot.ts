import { crc32c } from '../../records/crc32c.ts'
import { type IndexLayout, imageBytes } from './key-index.ts'

/** What an index snapshot says beside the index itself. */
export interface SnapshotHead {
  readonly partition: number
  readonly prefixBytes: number
  /** Of the store, where the log is covered up to `segments`. */
  readonly position: number
  /** All there were, the oldest first; of the last one, the bytes that are covered. */
  readonly segments: readonly CoveredSegment[]
  readonly index: IndexLayout
}

export interface CoveredSegment {
  readonly id: number
  /** Its name in the slots of the index. */
  readonly tag: number
  readonly bytes: number
  readonly liveBytes: number
  readonly tombstoneBytes: number
}

/*
 * Layout: magic uint32 "TWI1" | CRC-32C of all that follows, uint32 | bytes of the head, uint32 | the head, JSON | the memory of the index, as it lies there.
 * Numbers of the index are in the order of the machine: one of another kind makes nothing of them, and reads the log.
 */
const MAGIC = 0x54574931
const AT = { magic: 0, checksum: 4, headBytes: 8, head: 12 } as const
const FORMAT = 1
const IS_LITTLE_ENDIAN = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1

/** Copies the index at once. The checksum is left to `sealSnapshot`: it can be made while the index goes on. */
export function copySnapshot(head: SnapshotHead, pieces: readonly Uint8Array[]): Buffer {
  const text = Buffer.from(JSON.stringify({ format: FORMAT, isLittleEndian: IS_LITTLE_ENDIAN, ...head }))
  const copy = Buffer.allocUnsafeSlow(pieces.reduce((bytes, piece) => bytes + piece.length, AT.head + text.length))
  copy.writeUInt32BE(MAGIC, AT.magic)
  copy.writeUInt32BE(text.length, AT.headBytes)
  copy.set(text, AT.head)
  let at = AT.head + text.length
  for (const piece of pieces) {
    copy.set(piece, at)
    at += piece.length
  }
  return copy
}

export function sealSnapshot(copy: Buffer): void {
  copy.writeUInt32BE(crc32c(copy, AT.headBytes, copy.length), AT.checksum)
}

/** `undefined` for one that is damaged, or of another format or machine. */
export function readSnapshot(content: Buffer): { head: SnapshotHead; index: Buffer } | undefined {
  if (content.length < AT.head || content.readUInt32BE(AT.magic) !== MAGIC) return undefined
  if (content.readUInt32BE(AT.checksum) !== crc32c(content, AT.headBytes, content.length)) return undefined
  const end = AT.head + content.readUInt32BE(AT.headBytes)
  // The checksum says that it is what `copySnapshot` wrote; a later version may have written something else.
  const head = JSON.parse(content.toString('utf8', AT.head, end)) as SnapshotHead & { format: number; isLittleEndian: boolean }
  if (head.format !== FORMAT || head.isLittleEndian !== IS_LITTLE_ENDIAN || imageBytes(head.index) !== content.length - end) return undefined
  return { head, index: content.subarray(end) }
}
