/** Bytes of a zigzag varint of an int32. */
export function varintSize(value: number): number {
  return unsignedVarintSize((value << 1) ^ (value >> 31))
}

/** Bytes of an unsigned varint; the 32 bits of `value` are taken as unsigned. */
export function unsignedVarintSize(value: number): number {
  // 7 bits a byte; 38 - clz32 is bits + 6, and dividing by 7 is multiplying by 37 and shifting by 8 up to 38.
  return value === 0 ? 1 : ((38 - Math.clz32(value)) * 37) >>> 8
}

/** Bytes of a zigzag varlong of a safe integer. */
export function varlongSize(value: number): number {
  if ((value | 0) === value) return varintSize(value)
  let size = 1
  // -(value + 1) is the magnitude that zigzag encodes for a negative value; its lowest 6 bits share a byte with the sign.
  for (let rest = Math.floor((value < 0 ? -(value + 1) : value) / 64); rest > 0; rest = Math.floor(rest / 128)) size++
  return size
}
