import type { ByteView } from '../records/byte-view.ts'
import type { Serde } from './serde.ts'

/** The bytes themselves: `read` answers the very view it is given, without a copy. It is valid until the processor returns. */
export const bytes: Serde<ByteView> = {
  read: (view) => view,
  write: (view, target) => target.view(view),
}
