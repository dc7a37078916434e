/** A straight line through equidistant values, by least squares. */
export interface Trend {
  /** From one value to the next. */
  readonly slope: number
  /** Of the slope; it grows with the noise about the line. */
  readonly standardError: number
  /** No rise that counts: within two standard errors of none, or less than a twentieth of the mean over all values. */
  readonly isFlat: boolean
}

const NOISE_ERRORS = 2
const SMALL_SHARE = 0.05

export function trendOf(values: readonly number[]): Trend {
  const n = values.length
  if (n < 3) throw new RangeError(`a trend of ${n} values, expected at least 3`)
  const meanAt = (n - 1) / 2
  const mean = values.reduce((sum, value) => sum + value, 0) / n
  const spread = values.reduce((sum, _, at) => sum + (at - meanAt) ** 2, 0)
  const slope = values.reduce((sum, value, at) => sum + (at - meanAt) * (value - mean), 0) / spread
  const residual = values.reduce((sum, value, at) => sum + (value - mean - slope * (at - meanAt)) ** 2, 0)
  const standardError = Math.sqrt(residual / (n - 2) / spread)
  return { slope, standardError, isFlat: slope <= NOISE_ERRORS * standardError || slope * (n - 1) < SMALL_SHARE * mean }
}
