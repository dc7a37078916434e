/** Partition time travels in the metadata of committed offsets, so that stream time survives a restart. -1: none yet. */
export function encodePartitionTime(timestamp: number): string {
  return timestamp < 0 ? '' : `t=${timestamp}`
}

/** -1 where the metadata holds no time: another program committed. */
export function decodePartitionTime(metadata: string): number {
  const match = /^t=(\d{1,15})$/.exec(metadata)
  return match === null ? -1 : Number(match[1])
}
