const LONGEST_WAIT_S = 30

/** The seconds of `Prefer: wait=N` (RFC 7240), at most 30; `undefined`: it does not say, or not in a form that can be read (then it is passed over, as the RFC wants it). */
export function preferredWaitS(header: string | string[] | undefined): number | undefined {
  const text = Array.isArray(header) ? header.join(',') : (header ?? '')
  for (const preference of text.split(',')) {
    const match = /^\s*wait\s*=\s*"?(\d{1,9})"?\s*(;.*)?$/i.exec(preference)
    if (match !== null) return Math.min(Number(match[1]), LONGEST_WAIT_S)
  }
  return undefined
}
