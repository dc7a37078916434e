/** @typedef {import('./answers.ts').Rebalance} Rebalance */
/** @typedef {{ what: string[], from: string | undefined, to: string | undefined }} Move undefined: nobody had it, or has it */

/**
 * What moved in a rebalance, by where from and where to.
 * @param {Rebalance | undefined} before the one before of the same group; undefined: not known, so nothing is said to have moved
 * @param {Rebalance} after
 * @returns {Move[]}
 */
export function movesOf(before, after) {
  if (before === undefined) return []
  const had = ownersByTask(before)
  const has = ownersByTask(after)
  /** @type {Map<string, Move>} */
  const moves = new Map()
  for (const task of [...new Set([...had.keys(), ...has.keys()])].toSorted(byNumber)) {
    const [from, to] = [had.get(task), has.get(task)]
    if (from === to) continue
    const key = JSON.stringify([from, to])
    const move = moves.get(key) ?? { what: [], from, to }
    move.what.push(task)
    moves.set(key, move)
  }
  return [...moves.values()]
}

/** `0_2` before `0_11`. @param {string} a @param {string} b */
export function byNumber(a, b) {
  return a.localeCompare(b, 'en', { numeric: true })
}

/** @param {Rebalance} rebalance @returns {Map<string, string>} */
function ownersByTask({ owners }) {
  return new Map(Object.entries(owners).flatMap(([owner, tasks]) => tasks.map((task) => /** @type {[string, string]} */ ([task, owner]))))
}
