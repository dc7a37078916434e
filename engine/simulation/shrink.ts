import type { Fault } from './faults.ts'

/** The smallest part of the faults that it finds with which the run still fails: halves are left out first, then smaller pieces, then single ones. */
export async function shrink(faults: readonly Fault[], fails: (faults: readonly Fault[]) => Promise<boolean>, attempts = 60): Promise<readonly Fault[]> {
  let left = faults
  let attemptsLeft = attempts
  for (let pieces = 2; left.length > 0 && attemptsLeft > 0; ) {
    const size = Math.ceil(left.length / pieces)
    let isSmaller = false
    for (let from = 0; from < left.length && attemptsLeft > 0; from += size) {
      const without = [...left.slice(0, from), ...left.slice(from + size)]
      attemptsLeft--
      if (!(await fails(without))) continue
      left = without
      isSmaller = true
      break
    }
    if (isSmaller) pieces = Math.max(2, pieces - 1)
    else if (size === 1) break
    else pieces = Math.min(left.length, pieces * 2)
  }
  return left
}
