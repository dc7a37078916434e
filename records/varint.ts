/** Zigzag varints as in record batches (protocol buffers' sint32/sint64), without BigInt: 64-bit values must be safe integers. */
export function varintSize(value: number): number {
  return unsignedVarintSize(zigzag(value))
}
export function unsignedVarintSize(value: number): number {
  let size = 1
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) size++
  return size
}
export function zigzag(value: number): number {
  return value >= 0 ? value * 2 : -value * 2 - 1
}
