import type { Check } from '../../../cli/self-check/check.ts'
import type { UnaskedExit } from './fleet.ts'

/** What did not come back, hung or failed on the way; and a run without a fault says nothing. */
export function checkWentOn(violations: readonly string[], faults: number): Check {
  return { name: 'after every fault everything went on', held: violations.length === 0 && faults > 0, detail: violations.join('; ') || `${faults} faults` }
}

export function checkEnds(unasked: readonly UnaskedExit[]): Check {
  const died = unasked.filter(({ excuse }) => excuse === undefined)
  return {
    name: 'no role ended by itself without a reason',
    held: died.length === 0,
    detail: died.map(({ name, exit, lastWords }) => `${name} (${exit}): ${lastWords}`).join('; ') || `${unasked.length} ended with one and were started again`,
  }
}

/** `said`: the lines of all roles. */
export function checkErrors(said: readonly string[]): Check {
  const unnamed = said.filter((line) => line.includes(' unexpected: '))
  return { name: 'no role met an error that it has no words for', held: unnamed.length === 0, detail: unnamed.slice(0, 5).join('; ') || `${said.length} lines were said` }
}

/** `left`: a line for each process that had to be killed in the end. */
export function checkLeftBehind(left: readonly string[]): Check {
  return { name: 'no process is left behind', held: left.length === 0, detail: left.join('; ') || 'none' }
}
