/**
 * Spreads the partitioner's hash over all 32 bits (the finalizer of murmur3, a bijection). All keys of a partition agree modulo the partition count: with 16 partitions,
 * the low 4 bits of the hash are the same for every key of a store, and 15 of 16 slots would stay empty.
 */
export function mixHash(hash: number): number {
  let h = hash ^ (hash >>> 16)
  h = Math.imul(h, 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}
