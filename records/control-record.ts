import type { ByteView } from './byte-view.ts'

/** Type of the marker in a control record, by its key: version int16, type int16 (0 abort, 1 commit). `undefined`: another kind of control record. */
export function controlType(key: ByteView): 'abort' | 'commit' | undefined {
  if (key.length < 4) return undefined
  const type = key.buffer.readInt16BE(key.start + 2)
  return type === 0 ? 'abort' : type === 1 ? 'commit' : undefined
}
