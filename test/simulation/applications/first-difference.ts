const SHOWN = 3

/** Where what was found is not what was expected, in order; nothing where it is. */
export function firstDifference(at: string, expected: readonly string[], found: readonly string[]): string[] {
  const length = Math.max(expected.length, found.length)
  for (let i = 0; i < length; i++) {
    if (expected[i] === found[i]) continue
    const part = (lines: readonly string[]): string => lines.slice(Math.max(0, i - 1), i + SHOWN).join(' ') || 'nothing'
    return [`${at}: ${found.length} outputs of ${expected.length}; from number ${i} on they are wrong: ${part(found)} instead of ${part(expected)}`]
  }
  return []
}
