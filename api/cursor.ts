import { badRequest } from './problem.ts'

/** Where the next page begins, as text that means nothing to who passes it on. */
export function writeCursor(key: readonly (string | number)[]): string {
  return Buffer.from(JSON.stringify(key)).toString('base64url')
}

/** @throws ProblemError for a text that no page has ended with: `types` are those of the key's parts. */
export function readCursor<Key extends readonly (string | number)[]>(text: string, types: { readonly [index in keyof Key]: Key[index] extends number ? 'number' : 'string' }): Key {
  const parts = parse(text)
  const isKey = Array.isArray(parts) && parts.length === types.length && parts.every((part, index) => typeof part === types[index] && !(typeof part === 'string' && part.includes('\u0000')))
  if (!isKey) throw badRequest('invalid-cursor', 'the cursor is not one that a page has ended with', [{ parameter: 'cursor', detail: 'take `next` of the page before, as it is' }])
  // Each part has the type that was asked for.
  return parts as unknown as Key
}

function parse(text: string): unknown {
  try {
    return JSON.parse(Buffer.from(text, 'base64url').toString())
  } catch {
    return undefined
  }
}
