import { badRequest } from './problem.ts'

/** Where the next page begins, as text that means nothing to who passes it on. */
export function writeCursor(key: readonly (string | number)[]): string {
  return Buffer.from(JSON.stringify(key)).toString('base64url')
}

/** @throws ProblemError for a text that no page has ended with: `kinds` says of each part of the key that it is a string, or the largest integer that it may be, from 0. */
export function readCursor<Key extends readonly (string | number)[]>(text: string, kinds: { readonly [index in keyof Key]: Key[index] extends number ? number : 'string' }): Key {
  const parts = parse(text)
  const isKey = Array.isArray(parts) && parts.length === kinds.length && parts.every((part, index) => isOfKind(part, kinds[index]))
  if (!isKey) throw badRequest('invalid-cursor', 'the cursor is not one that a page has ended with', [{ parameter: 'cursor', detail: 'take `next` of the page before, as it is' }])
  // Each part has the type that was asked for.
  return parts as unknown as Key
}

function isOfKind(part: unknown, kind: 'string' | number | undefined): boolean {
  if (typeof kind === 'number') return Number.isSafeInteger(part) && typeof part === 'number' && part >= 0 && part <= kind
  return typeof part === 'string' && !part.includes('\u0000')
}

function parse(text: string): unknown {
  try {
    return JSON.parse(Buffer.from(text, 'base64url').toString())
  } catch {
    return undefined
  }
}
