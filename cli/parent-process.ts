/** Tells the process that started this one how it is, where there is one that listens (the demo). A parent that is gone is nobody's trouble. */
export function tellParent(status: object): void {
  if (process.connected) process.send?.(status)
}

/** An open channel to the parent would keep this process alive. */
export function leaveParent(): void {
  if (process.connected) process.disconnect?.()
}
