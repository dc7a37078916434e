import type { ByteView } from '../records/byte-view.ts'
import type { Serde } from './serde.ts'

/** The bytes as they are: the very view that came in, without a copy. It is valid until the processor returns. */
export const bytes: Serde<ByteView> = {
  read: (view) => view,
  write: (view, target) => target.view(view),
}
