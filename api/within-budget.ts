/** The items of an answer end when they are that large together, however few they are. A trade may have 1 MB, and 500 of them pass what a string can hold. */
export const ANSWER_BYTES = 8_000_000

export interface Budget<Item> {
  readonly limit: number
  readonly bytes: number
  /** JSON of an item, as it is sent. */
  readonly textOf: (item: Item) => string
}

export interface Taken<Item> {
  readonly taken: readonly { readonly item: Item; readonly text: string }[]
  /** There is at least one more. */
  readonly isCut: boolean
}

/** The first of what is found, as many as fit; the very first fits always. No more is asked for than one that does not. */
export async function withinBudget<Item>(found: AsyncIterable<Item>, { limit, bytes, textOf }: Budget<Item>): Promise<Taken<Item>> {
  const taken: { item: Item; text: string }[] = []
  let left = bytes
  for await (const item of found) {
    if (taken.length === limit) return { taken, isCut: true }
    const text = textOf(item)
    left -= Buffer.byteLength(text)
    if (left < 0 && taken.length > 0) return { taken, isCut: true }
    taken.push({ item, text })
  }
  return { taken, isCut: false }
}
