import { crc32c } from '../../records/crc32c.ts'
import { readInt64, writeInt64 } from '../../records/int64.ts'
import { checksum, HEADER_BYTES } from '../../records/record-batch.ts'

/**
 * Layout of a frame, the unit of writing: what one `apply` brings, or one step of compaction copies. Numbers are big-endian.
 *
 *   magic uint32 "TWF1"            checksum uint32 (CRC-32C of the rest of the header)     frameBytes uint32, header included
 *   kind uint8, 3 bytes 0          batchCount uint32                                       partition int32
 *   leaderEpoch int32 (-1: none)   firstOffset int64                                       position int64
 *   caughtUpMs int64 (-1: never)
 *   for each batch: baseOffset int64, batchBytes uint32, the batch's own checksum uint32
 *   the batches, as they were produced; the base offset in their bytes does not count
 *
 * The header's checksum covers those of the batches, so it vouches for the whole frame; that the bytes of a batch fit its checksum is looked at where the batch is walked
 * (`BatchCursor`), once. What a batch's checksum does not cover, its base offset, length and leader epoch, is said by the frame. `position` and `caughtUpMs` are those of the store once the frame is in it: if the tail of
 * the log is lost, they fall back with the data. Records of a changelog frame below `firstOffset` were in the store already and do not belong to the frame.
 */
const MAGIC = 0x54574631
const AT = {
  magic: 0,
  checksum: 4,
  frameBytes: 8,
  kind: 12,
  batchCount: 16,
  partition: 20,
  leaderEpoch: 24,
  firstOffset: 28,
  position: 36,
  caughtUpMs: 44,
  batches: 52,
} as const
const BATCH_ENTRY_BYTES = 16
const KINDS = [undefined, 'changelog', 'copied'] as const

export type FrameKind = 'changelog' | 'copied'

export interface FrameFields {
  readonly kind: FrameKind
  readonly partition: number
  readonly leaderEpoch: number | undefined
  readonly firstOffset: number
  readonly position: number
  readonly caughtUpMs: number | undefined
}

/** Bytes of a batch in a frame; `baseOffset` is the one that counts. */
export interface FramedBatch {
  readonly bytes: Buffer
  readonly start: number
  readonly end: number
  readonly baseOffset: number
}

/** The frame as chunks to append: header, batches. */
export function frameChunks(fields: FrameFields, batches: readonly FramedBatch[]): Buffer[] {
  const header = Buffer.alloc(AT.batches + batches.length * BATCH_ENTRY_BYTES)
  const chunks: Buffer[] = [header]
  let frameBytes = header.length
  let at: number = AT.batches
  for (const { bytes, start, end, baseOffset } of batches) {
    writeInt64(header, at, baseOffset)
    header.writeUInt32BE(end - start, at + 8)
    header.writeUInt32BE(checksum(bytes, start), at + 12)
    at += BATCH_ENTRY_BYTES
    frameBytes += end - start
    chunks.push(bytes.subarray(start, end))
  }
  header.writeUInt32BE(MAGIC, AT.magic)
  header.writeUInt32BE(frameBytes, AT.frameBytes)
  header[AT.kind] = KINDS.indexOf(fields.kind)
  header.writeUInt32BE(batches.length, AT.batchCount)
  header.writeInt32BE(fields.partition, AT.partition)
  header.writeInt32BE(fields.leaderEpoch ?? -1, AT.leaderEpoch)
  writeInt64(header, AT.firstOffset, fields.firstOffset)
  writeInt64(header, AT.position, fields.position)
  writeInt64(header, AT.caughtUpMs, fields.caughtUpMs ?? -1)
  header.writeUInt32BE(crc32c(header, AT.frameBytes, header.length), AT.checksum)
  return chunks
}

/** Bytes of the header before the batches. */
export function frameHeaderBytes(batchCount: number): number {
  return AT.batches + batchCount * BATCH_ENTRY_BYTES
}

/** What a stretch of bytes begins with: a whole frame with a sound header, one of which more bytes have to be seen (how many, counted from its start), or neither. */
export type FrameFound =
  | { readonly kind: 'frame'; readonly fields: FrameFields; readonly frameBytes: number; readonly batches: readonly FramedBatch[] }
  | { readonly kind: 'more'; readonly bytes: number }
  | { readonly kind: 'bad'; readonly reason: string }

/** Reads the frame at `start`. Everything in it may be damaged: nothing is used before it is checked. */
export function readFrame(buffer: Buffer, start: number, end: number): FrameFound {
  if (end - start < AT.batches) return { kind: 'more', bytes: AT.batches }
  if (buffer.readUInt32BE(start + AT.magic) !== MAGIC) return bad('it does not begin with the mark of a frame')
  const frameBytes = buffer.readUInt32BE(start + AT.frameBytes)
  const batchCount = buffer.readUInt32BE(start + AT.batchCount)
  const headerBytes = frameHeaderBytes(batchCount)
  if (headerBytes > frameBytes) return bad(`it says that it has ${batchCount} batches in ${frameBytes} bytes`)
  // The header first: a damaged length must not make anybody read a gigabyte.
  if (end - start < headerBytes) return { kind: 'more', bytes: headerBytes }
  if (buffer.readUInt32BE(start + AT.checksum) !== crc32c(buffer, start + AT.frameBytes, start + headerBytes)) return bad('the checksum of its header is wrong')
  if (end - start < frameBytes) return { kind: 'more', bytes: frameBytes }
  const batches: FramedBatch[] = []
  let from = start + headerBytes
  for (let i = 0, at = start + AT.batches; i < batchCount; i++, at += BATCH_ENTRY_BYTES) {
    const to = from + buffer.readUInt32BE(at + 8)
    if (to > start + frameBytes || to - from < HEADER_BYTES || buffer.readUInt32BE(at + 12) !== checksum(buffer, from))
      return bad(`its batch ${i + 1} of ${batchCount} is another one`)
    batches.push({ bytes: buffer, start: from, end: to, baseOffset: readInt64(buffer, at) })
    from = to
  }
  const kind = KINDS[buffer[start + AT.kind] ?? 0]
  if (kind === undefined || from !== start + frameBytes) return bad('it is of a kind that this version does not know')
  return { kind: 'frame', fields: fieldsOf(buffer, start, kind), frameBytes, batches }
}

function fieldsOf(buffer: Buffer, start: number, kind: FrameKind): FrameFields {
  const leaderEpoch = buffer.readInt32BE(start + AT.leaderEpoch)
  const caughtUpMs = readInt64(buffer, start + AT.caughtUpMs)
  return {
    kind,
    partition: buffer.readInt32BE(start + AT.partition),
    leaderEpoch: leaderEpoch < 0 ? undefined : leaderEpoch,
    firstOffset: readInt64(buffer, start + AT.firstOffset),
    position: readInt64(buffer, start + AT.position),
    caughtUpMs: caughtUpMs < 0 ? undefined : caughtUpMs,
  }
}

function bad(reason: string): FrameFound {
  return { kind: 'bad', reason }
}
