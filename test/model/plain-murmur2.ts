/** The partition that Kafka's default partitioner gives a key. In BigInt, so that every step is the one in the definition of murmur2. */
export function plainPartitionOf(key: Uint8Array, partitions: number): number {
  return Number((plainMurmur2(key) & 0x7fffffffn) % BigInt(partitions))
}

/** murmur2 with Kafka's seed, unsigned. */
export function plainMurmur2(bytes: Uint8Array): bigint {
  const multiplier = 0x5bd1e995n
  let hash = 0x9747b28cn ^ BigInt(bytes.length)
  const words = Math.floor(bytes.length / 4)
  for (let word = 0; word < words; word++) {
    let k = littleEndian(bytes.subarray(word * 4, word * 4 + 4))
    k = low32(k * multiplier)
    k ^= k >> 24n
    k = low32(k * multiplier)
    hash = low32(hash * multiplier) ^ k
  }
  if (bytes.length % 4 !== 0) hash = low32((hash ^ littleEndian(bytes.subarray(words * 4))) * multiplier)
  hash ^= hash >> 13n
  hash = low32(hash * multiplier)
  return hash ^ (hash >> 15n)
}

function littleEndian(bytes: Uint8Array): bigint {
  let value = 0n
  bytes.forEach((byte, i) => {
    value |= BigInt(byte) << BigInt(8 * i)
  })
  return value
}

function low32(n: bigint): bigint {
  return n & 0xffffffffn
}
