/** How many samples are kept of each: two minutes, as the page asks every two seconds. */
const KEPT = 60
/** So many samples say where it goes. */
const LOOKED_AT = 5

/** Remembers the last values of many things while a page is open. */
export class Trends {
  /** @type {Map<string, number[]>} */
  #values = new Map()

  /** @param {string} name @param {number} value */
  add(name, value) {
    const values = this.#values.get(name) ?? []
    values.push(value)
    if (values.length > KEPT) values.shift()
    this.#values.set(name, values)
  }

  /** @param {string} name @returns {readonly number[]} the newest last */
  of(name) {
    return this.#values.get(name) ?? []
  }
}

/**
 * @param {readonly number[]} values
 * @returns {'rising' | 'falling' | 'steady'} a change of less than a tenth, or of less than a hundred, is none: so many are always under way
 */
export function directionOf(values) {
  const last = values.at(-1) ?? 0
  const before = values.at(-LOOKED_AT) ?? values[0] ?? 0
  const change = last - before
  if (Math.abs(change) < Math.max(100, before / 10)) return 'steady'
  return change > 0 ? 'rising' : 'falling'
}

/**
 * The lag of a group over the last 15 minutes, as the gateway has sampled it.
 * @param {string} group
 * @param {readonly import('./answers.ts').Sample[] | undefined} samples
 * @returns {readonly number[]} the newest last
 */
export function lagsOf(group, samples = []) {
  return samples.flatMap(({ lag }) => lag[group] ?? [])
}
