/**
 * What changed from one version of a trade to the next, field by field, in the order of the newer one; what is gone comes last.
 * `last_updated` changes with each and says nothing.
 * @param {Readonly<Record<string, unknown>> | undefined} before undefined: there was none
 * @param {Readonly<Record<string, unknown>>} after
 * @returns {{ field: string, from: string | undefined, to: string | undefined }[]}
 */
export function difference(before, after) {
  if (before === undefined) return []
  const fields = new Set([...Object.keys(after), ...Object.keys(before)])
  fields.delete('last_updated')
  return [...fields].flatMap((field) => {
    const [from, to] = [shown(before[field]), shown(after[field])]
    return from === to ? [] : [{ field, from, to }]
  })
}

/** Shown in this order, before what else a trade has. */
const KNOWN_FIELDS = ['trade_id', 'version', 'counterparty_id', 'book_id', 'maturity_date', 'created_date', 'expired', 'last_updated']

/** The fields of a trade, in the order in which people know them. @param {object} trade @returns {[field: string, value: unknown][]} */
export function fieldsOf(trade) {
  const place = (/** @type {string} */ field) => (KNOWN_FIELDS.includes(field) ? KNOWN_FIELDS.indexOf(field) : KNOWN_FIELDS.length)
  return Object.entries(trade).toSorted(([a], [b]) => place(a) - place(b))
}

/** A value of a trade, as text: the same text, the same value. @param {unknown} value @returns {string | undefined} undefined: not there */
export function shown(value) {
  if (value === undefined) return undefined
  return typeof value === 'string' ? value : JSON.stringify(inOrder(value))
}

/** Objects by the names of their fields: their order means nothing. @param {unknown} value @returns {unknown} */
function inOrder(value) {
  if (Array.isArray(value)) return value.map(inOrder)
  if (typeof value !== 'object' || value === null || 'toJSON' in value) return value
  return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, inner]) => [name, inOrder(inner)]))
}
