import type { ByteView } from './byte-view.ts'

/** What a record of a control batch says. `other`: markers that are not about transactions (leader change, snapshots, ...). */
export type ControlType = 'abort' | 'commit' | 'other'

const ABORT = 0
const COMMIT = 1

/** Reads the key of a control record: version int16, type int16. A key that is too short is `other`, as unknown types are. */
export function controlType(key: ByteView): ControlType {
  if (key.length < 4) return 'other'
  const type = key.buffer.readInt16BE(key.start + 2)
  return type === ABORT ? 'abort' : type === COMMIT ? 'commit' : 'other'
}
