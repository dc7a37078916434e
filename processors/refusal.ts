/** At most so many code points of a text from outside, or for people, go into an output. */
export const TEXT_LIMIT = 200

/** Why a record was refused: the members of the audit entry's `details`, as far as they apply, and the reason for people. All are fit to be stored and within the limit. */
export interface Refusal {
  readonly reason: string
  readonly field?: string
  readonly found?: string
  readonly stored?: string
  readonly expected?: string
}

/** `found`: `undefined` for a field that is not there. The reason is made of the parts unless there is a better one. */
export function refusal(field: string, found: string | undefined, expected: string, reason?: string): Refusal {
  const clean = found === undefined ? undefined : cut(storable(found))
  return {
    reason: cut(storable(reason ?? `${field}: ${foundText(clean)}, expected ${expected}`)),
    field,
    ...(clean === undefined ? {} : { found: clean }),
    expected: cut(expected),
  }
}

function foundText(found: string | undefined): string {
  if (found === undefined) return 'not there'
  return found === '' ? 'found an empty text' : `found ${found}`
}

/** No database keeps U+0000 or half a surrogate pair. */
function storable(text: string): string {
  return text.replaceAll('\u0000', '\\u0000').toWellFormed()
}

function cut(text: string): string {
  if (text.length <= TEXT_LIMIT) return text
  let end = 0
  for (let count = 0; count < TEXT_LIMIT && end < text.length; count++) end += (text.codePointAt(end) ?? 0) > 0xffff ? 2 : 1
  return text.slice(0, end)
}
