import type { Page } from './trade-rows.ts'

/** Rows that are asked for at once: each may have 1 MB, and the driver holds all of an answer. */
const AT_ONCE = 32

export interface Pages<Row, Key> {
  readonly read: (page: Page<Key>) => Promise<readonly Row[]>
  readonly keyOf: (row: Row) => Key
  /** Where the first page begins. `undefined`: at the beginning. */
  readonly after: Key | undefined
  /** No more rows than that are asked for. */
  readonly most: number
}

/** The rows of what is read by key, some at a time: the next ones are read when somebody takes them. */
export async function* byPages<Row, Key>({ read, keyOf, after, most }: Pages<Row, Key>): AsyncGenerator<Row, void> {
  for (let left = most; left > 0; left -= AT_ONCE) {
    const limit = Math.min(left, AT_ONCE)
    const rows = await read({ after, limit })
    yield* rows
    const last = rows.at(-1)
    if (last === undefined || rows.length < limit) return
    after = keyOf(last)
  }
}
