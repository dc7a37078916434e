/** As `JSON.parse`, but a number whose digits a double cannot keep is written again as it was found (ECMAScript's JSON.rawJSON): for what is passed on, not for what is counted with. */
export function parseExactly(text: string): unknown {
  return reviving(text, (_key, value, { source }) => (typeof value === 'number' && source !== undefined && String(value) !== source ? rawJson(source) : value))
}

/** A number of these digits; the text itself where it is none in JSON (NaN, Infinity). */
export function exactNumber(text: string): unknown {
  return /^-?\d/.test(text) ? rawJson(text) : text
}

// TypeScript's library does not know them yet.
const reviving = JSON.parse as (text: string, reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown) => unknown
const { rawJSON: rawJson } = JSON as unknown as { readonly rawJSON: (text: string) => unknown }
