/** A mistake or a lack that a person can put right: shown without a stack trace. */
export class SetupError extends Error {
  /** @override */
  name = 'SetupError'
}

/**
 * Takes one line that tells what is going on.
 * @typedef {(line: string) => void} Progress
 */

/** @type {Progress} On standard error: standard output belongs to the command. */
export const progressToTerminal = (line) => {
  process.stderr.write(`tradewind: ${line}\n`)
}

/**
 * Says that something long begins and, with the time it took, that it is over.
 * @template T
 * @param {Progress} progress
 * @param {string} what
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withProgress(progress, what, work) {
  const startedMs = performance.now()
  progress(`${what} ...`)
  const result = await work()
  progress(`${what}: done in ${((performance.now() - startedMs) / 1000).toFixed(1)} s`)
  return result
}
