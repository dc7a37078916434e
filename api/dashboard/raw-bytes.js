// Raw keys and values of dead letters: as text, as hex, and back.

const ROW = 16

/** @param {string} base64 */
export function fromBase64(base64) {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
}

/** @param {Uint8Array} bytes */
export function toBase64(bytes) {
  let text = ''
  for (const byte of bytes) text += String.fromCharCode(byte)
  return btoa(text)
}

/**
 * The rows of a hex view.
 * @param {Uint8Array} bytes
 * @returns {{ offset: string, hex: string, text: string }[]}
 */
export function hexRows(bytes) {
  const rows = []
  for (let at = 0; at < bytes.length; at += ROW) {
    const row = [...bytes.subarray(at, at + ROW)]
    const hex = row.map((byte, n) => `${n === ROW / 2 ? ' ' : ''}${hexOf(byte)}`).join(' ')
    rows.push({ offset: at.toString(16).padStart(6, '0'), hex, text: row.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '·')).join('') })
  }
  return rows
}

/** Hex to edit: 16 bytes a line. @param {Uint8Array} bytes */
export function toHex(bytes) {
  const words = [...bytes].map(hexOf)
  const lines = []
  for (let at = 0; at < words.length; at += ROW) lines.push(words.slice(at, at + ROW).join(' '))
  return lines.join('\n')
}

/**
 * What somebody has written: pairs of hex digits, with or without blanks.
 * @param {string} text
 * @returns {Uint8Array | { readonly fault: string }}
 */
export function fromHex(text) {
  const digits = text.replaceAll(/\s/g, '')
  const foreign = /[^0-9a-f]/i.exec(digits)
  if (foreign !== null) return { fault: `found “${foreign[0]}”; expected the digits 0–9 and a–f only` }
  if (digits.length % 2 === 1) return { fault: `found ${digits.length} digits; expected two for each byte` }
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
}

/** @param {number} byte */
function hexOf(byte) {
  return byte.toString(16).padStart(2, '0')
}
