import type { Workload, WorkloadRecord } from './workload.ts'

const CLOSE = 0x7d

/** The records of another workload, each object made as large as is wanted with a note. What is no whole object, or larger already, stays as it is. */
export class PaddedWorkload implements Workload {
  readonly #inner: Workload
  readonly #bytes: number

  constructor(inner: Workload, bytes: number) {
    this.#inner = inner
    this.#bytes = bytes
  }

  next(into: WorkloadRecord): void {
    this.#inner.next(into)
    const { buffer, start, end } = into.value
    const note = this.#bytes - (end - start) - ',"note":""'.length
    if (!into.hasValue || buffer[end - 1] !== CLOSE || note < 1) return
    const padded = Buffer.concat([buffer.subarray(start, end - 1), Buffer.from(`,"note":"${'x'.repeat(note)}"}`)])
    into.value.set(padded, 0, padded.length)
  }
}
