import type { Front } from './commit-watch.ts'

/** How long after a fault the trades that were sent later came through, ms; `undefined`: not yet. */
export interface RecoveryTimes {
  /** The first of them was committed. */
  firstCommitMs: number | undefined
  /** One of every partition was committed. */
  processedMs: number | undefined
  /** One of every partition that the fault had taken its processor from was committed. */
  affectedMs: number | undefined
  /** The databases had something of every partition that was committed later. */
  postgresMs: number | undefined
  mongoMs: number | undefined
  /** The gateway took one that was sent to it later, and said that it succeeded. */
  gatewayMs: number | undefined
}

/** What can be seen of the trades from outside; see CommitWatch, ForeignLoad and HttpLoad. */
export interface SignsOfLife {
  readonly watch: { readonly committedSerials: Front; readonly postgres: Front; readonly mongo: Front; readonly ends: { readonly processed: Front; readonly audit: Front } }
  readonly load: { readonly sent: number }
  readonly http: { readonly begun: number; readonly settledUpTo: number }
}

/** Waits for signs of life, from the moment of a fault, or of its end, on. */
export class Recovery implements RecoveryTimes {
  firstCommitMs: number | undefined
  processedMs: number | undefined
  affectedMs: number | undefined
  postgresMs: number | undefined
  mongoMs: number | undefined
  gatewayMs: number | undefined
  readonly #startMs = performance.now()
  readonly #signs: SignsOfLife
  /** The first record that is sent from now on. */
  readonly #fromSerial: number
  readonly #fromHttp: number
  readonly #postgresAt: Front
  readonly #mongoAt: Front
  #affected: { readonly partitions: readonly number[]; readonly fromSerial: number } | undefined

  constructor(signs: SignsOfLife) {
    const { watch, load, http } = signs
    this.#signs = signs
    this.#fromSerial = load.sent
    this.#fromHttp = http.begun
    this.#postgresAt = [...watch.ends.processed]
    this.#mongoAt = [...watch.ends.audit]
  }

  get isWhole(): boolean {
    return this.missing === ''
  }

  /** The fault has taken these partitions from their processor by now: what is sent from now on is not for that one to commit. */
  affects(partitions: readonly number[]): void {
    if (partitions.length > 0) this.#affected = { partitions, fromSerial: this.#signs.load.sent }
  }

  /** Called when the watch has seen something new. */
  look(): void {
    const nowMs = performance.now() - this.#startMs
    const { watch, http } = this.#signs
    const { committedSerials, postgres, mongo } = watch
    if (committedSerials.some((serial) => serial >= this.#fromSerial)) this.firstCommitMs ??= nowMs
    if (committedSerials.every((serial) => serial >= this.#fromSerial)) this.processedMs ??= nowMs
    const { partitions, fromSerial = 0 } = this.#affected ?? {}
    if (partitions?.every((partition) => (committedSerials[partition] ?? -1) >= fromSerial)) this.affectedMs ??= nowMs
    if (isBeyond(postgres, this.#postgresAt)) this.postgresMs ??= nowMs
    if (isBeyond(mongo, this.#mongoAt)) this.mongoMs ??= nowMs
    if (http.settledUpTo >= this.#fromHttp) this.gatewayMs ??= nowMs
  }

  /** What is still awaited, for people; empty: nothing. */
  get missing(): string {
    const { committedSerials, postgres, mongo } = this.#signs.watch
    const awaited = [
      ...(this.processedMs === undefined ? [`commits of partitions ${behind(committedSerials, committedSerials.map(() => this.#fromSerial - 1))}`] : []),
      ...(this.postgresMs === undefined ? [`rows of partitions ${behind(postgres, this.#postgresAt)}`] : []),
      ...(this.mongoMs === undefined ? [`documents of partitions ${behind(mongo, this.#mongoAt)}`] : []),
      ...(this.gatewayMs === undefined ? ['trade that the gateway took and knows to have succeeded'] : []),
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
