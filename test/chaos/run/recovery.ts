import type { CommitWatch, Front } from './commit-watch.ts'
import type { ForeignLoad } from './foreign-load.ts'

/** How long after a fault the trades that were sent later came through, ms; `undefined`: not yet. */
export interface RecoveryTimes {
  /** The first of them was committed. */
  firstCommitMs: number | undefined
  /** One of every partition was committed. */
  processedMs: number | undefined
  /** The databases had something of every partition that was committed later. */
  postgresMs: number | undefined
  mongoMs: number | undefined
}

/** Waits for signs of life, from the moment of a fault, or of its end, on. */
export class Recovery implements RecoveryTimes {
  firstCommitMs: number | undefined
  processedMs: number | undefined
  postgresMs: number | undefined
  mongoMs: number | undefined
  readonly #startMs = performance.now()
  readonly #watch: CommitWatch
  /** The first record that is sent from now on. */
  readonly #fromSerial: number
  readonly #postgresAt: Front
  readonly #mongoAt: Front

  constructor(watch: CommitWatch, load: ForeignLoad) {
    this.#watch = watch
    this.#fromSerial = load.sent
    this.#postgresAt = [...watch.ends.processed]
    this.#mongoAt = [...watch.ends.audit]
  }

  get isWhole(): boolean {
    return this.processedMs !== undefined && this.postgresMs !== undefined && this.mongoMs !== undefined
  }

  /** Called when the watch has seen something new. */
  look(): void {
    const nowMs = performance.now() - this.#startMs
    const { committedSerials, postgres, mongo } = this.#watch
    if (committedSerials.some((serial) => serial >= this.#fromSerial)) this.firstCommitMs ??= nowMs
    if (committedSerials.every((serial) => serial >= this.#fromSerial)) this.processedMs ??= nowMs
    if (isBeyond(postgres, this.#postgresAt)) this.postgresMs ??= nowMs
    if (isBeyond(mongo, this.#mongoAt)) this.mongoMs ??= nowMs
  }

  /** What is still awaited, for people. */
  get missing(): string {
    const awaited = [
      ...(this.processedMs === undefined ? [`commits of partitions ${behind(this.#watch.committedSerials, this.#watch.committedSerials.map(() => this.#fromSerial - 1))}`] : []),
      ...(this.postgresMs === undefined ? [`rows of partitions ${behind(this.#watch.postgres, this.#postgresAt)}`] : []),
      ...(this.mongoMs === undefined ? [`documents of partitions ${behind(this.#watch.mongo, this.#mongoAt)}`] : []),
    ]
    return awaited.join(', ')
  }
}

function isBeyond(front: Front, baseline: Front): boolean {
  return front.every((offset, partition) => offset > (baseline[partition] ?? 0))
}

function behind(front: Front, baseline: Front): string {
  return front.flatMap((offset, partition) => (offset > (baseline[partition] ?? 0) ? [] : partition)).join(' ')
}
