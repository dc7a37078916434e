const SEED = 0x9747b28c
const M = 0x5bd1e995

/** Java's `Utils.murmur2`, the hash of Kafka's default partitioner: a signed int32. */
export function murmur2(buffer: Uint8Array, start: number, end: number): number {
  const length = end - start
  let hash = SEED ^ length
  const wordsEnd = start + (length & ~3)
  let at = start
  for (; at < wordsEnd; at += 4) {
    // Casts, here and below: the caller's range is within the buffer.
    const word = (buffer[at] as number) | ((buffer[at + 1] as number) << 8) | ((buffer[at + 2] as number) << 16) | ((buffer[at + 3] as number) << 24)
    const mixed = Math.imul(word, M)
    hash = Math.imul(hash, M) ^ Math.imul(mixed ^ (mixed >>> 24), M)
  }
  const rest = length & 3
  if (rest === 3) hash ^= (buffer[at + 2] as number) << 16
  if (rest >= 2) hash ^= (buffer[at + 1] as number) << 8
  if (rest >= 1) hash = Math.imul(hash ^ (buffer[at] as number), M)
  hash = Math.imul(hash ^ (hash >>> 13), M)
  return hash ^ (hash >>> 15)
}

/** The partition of a key with this hash, as Java's default partitioner chooses it (`toPositive` drops the sign bit). */
export function partitionOf(hash: number, partitions: number): number {
  return (hash & 0x7fffffff) % partitions
}
