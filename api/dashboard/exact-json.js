/** A number that a JavaScript number cannot hold: as it was written. */
export class ExactNumber {
  /** @param {string} text */
  constructor(text) {
    this.text = text
  }

  toString() {
    return this.text
  }

  /** Browsers that cannot write it raw cannot have read it either. */
  toJSON() {
    const { rawJSON } = /** @type {{ rawJSON?: (text: string) => unknown }} */ (JSON)
    return rawJSON === undefined ? Number(this.text) : rawJSON(this.text)
  }
}

/**
 * Trades keep unknown fields with all their digits, and so does what is shown of them.
 * @param {string} text
 * @returns {unknown}
 */
export function parseExact(text) {
  /** @type {(key: string, value: unknown, context?: { source?: string }) => unknown} */
  const reviver = (_key, value, context) => (typeof value === 'number' && context?.source !== undefined && !isExact(value, context.source) ? new ExactNumber(context.source) : value)
  return JSON.parse(text, reviver)
}

/** @param {number} value @param {string} source */
function isExact(value, source) {
  return String(value) === source || (Number.isInteger(value) ? Number.isSafeInteger(value) && digitsOf(String(value)) === digitsOf(source) : digitsOf(String(value)) === digitsOf(source))
}

/** The digits that count: neither sign, point and exponent nor the zeros around them. @param {string} number */
function digitsOf(number) {
  return number.replace(/e.*$/i, '').replaceAll(/[-.]/g, '').replace(/^0+/, '').replace(/0+$/, '')
}
