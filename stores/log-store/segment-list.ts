import { crc32c } from '../../records/crc32c.ts'

/** A place in the log: bytes from the start of a segment. */
export interface LogPoint {
  readonly segment: number
  readonly bytes: number
}

export interface SegmentList {
  /** Oldest first. Each one but the last is closed and has a size. */
  readonly segments: readonly { readonly id: number; readonly bytes: number | undefined }[]
  /**
   * Up to here the log has to be whole for the store to be complete: compaction has removed segments whose live records lie, copied, before this point. If the log turns
   * out to be damaged before it, records below the position would be missing without a trace: the store is then cleared and rebuilt.
   */
  readonly floor: LogPoint | undefined
}

const FORMAT = 1

export function segmentListBytes(list: SegmentList): Buffer {
  const line = JSON.stringify({ format: FORMAT, ...list })
  return Buffer.from(`${line}\n${checksum(line)}\n`)
}

/** `undefined` for a list that is damaged. */
export function readSegmentList(content: Buffer, directory: string): SegmentList | undefined {
  const [line, sum, end] = content.toString('utf8').split('\n')
  if (line === undefined || sum !== checksum(line) || end !== '') return undefined
  // The checksum says that it is what `segmentListBytes` wrote; a later version may have written something else.
  const list = JSON.parse(line) as SegmentList & { format: number }
  if (list.format !== FORMAT) {
    throw new Error(
      `the store in ${directory} has format ${list.format}, this version knows format ${FORMAT}: run the version that wrote it, or remove the directory to have the store rebuilt from its changelog`,
    )
  }
  return { segments: list.segments.map(({ id, bytes }) => ({ id, bytes })), floor: list.floor }
}

function checksum(line: string): string {
  const bytes = Buffer.from(line)
  return crc32c(bytes, 0, bytes.length).toString(16)
}
