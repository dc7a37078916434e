import { Mulberry32 } from '../../../bench/workload/workload.ts'
import { until } from '../../support/until.ts'
import { within } from './bounded.ts'
import type { CommitWatch } from './commit-watch.ts'
import { between, seconds } from './draw.ts'
import type { Fault, FaultKind } from './fault.ts'
import { FAULT_KINDS } from './fault-kinds.ts'
import type { ForeignLoad } from './foreign-load.ts'
import type { HttpLoad } from './http-load.ts'
import { DATE_TURNS } from './processor-faults.ts'
import { Recovery, type RecoveryTimes } from './recovery.ts'
import type { ChaosWorld } from './world.ts'

/** A fault that was, and what came of it. */
export interface FaultRecord extends RecoveryTimes {
  readonly kind: string
  readonly what: string
  /** Seconds since the first fault could be. */
  readonly atS: number
  /** From the fault to its end, ms: what it was to last, and what undoing it took. */
  readonly lastedMs: number
  /** The other fault that was there at the same time. */
  readonly together: string | undefined
  /** Whether it took partitions from a processor that was known to run them. */
  readonly hasAffected: boolean
  /** Answers that proxies lost meanwhile, after the server had acted. */
  readonly answersLost: number
  /** From the end of the fault, or of the last of two, until everything went on as before. `undefined`: it did not. */
  readonly wholeAgainMs: number | undefined
}

export interface NemesisOptions {
  readonly world: ChaosWorld
  readonly watch: CommitWatch
  readonly load: ForeignLoad
  readonly http: HttpLoad
  readonly seed: number
  readonly durationMs: number
  /** Aborted: the faults that there are end, and no more are made. */
  readonly endEarly: AbortSignal
  /** Only these kinds. Default: all but those that have to be asked for. */
  readonly kinds?: readonly string[] | undefined
  readonly onFault: (record: FaultRecord) => void
  readonly onStart: (what: string) => void
}

/** Share of the faults that have company. */
const TOGETHER = 0.35
/** In every run once, whatever is drawn, when there are trades that are due: the second round. */
const DATE_TURNS_IN_ROUND = 1
/** Much longer than any time-out of the product: what has not come back by then does not. */
const WHOLE_WITHIN_MS = 150_000
/** Only ends what hangs: a server may take long to start on a busy machine. */
const DONE_WITHIN_MS = 330_000

interface Injected {
  readonly kind: FaultKind
  readonly fault: Fault
  readonly recovery: Recovery
  readonly startedMs: number
}

/** Thrown when the trades do not flow again after a fault. */
export class NoRecoveryError extends Error {
  override readonly name = 'NoRecoveryError'
}

/**
 * One fault after the other, sometimes two at a time, in an order that the seed draws: all kinds once, shuffled, then all of them again. Before the next one everything has to
 * go on as before: that a commit comes in every partition, and what it wrote in both databases.
 */
export class Nemesis {
  readonly records: FaultRecord[] = []
  /** Kinds that this machine cannot have. */
  readonly impossible = new Set<string>()
  readonly #options: NemesisOptions
  readonly #chance: Mulberry32
  #startMs = 0
  #endedEarlyMs: number | undefined
  readonly #recoveries = new Set<Recovery>()
  readonly #kinds: readonly FaultKind[]
  #deck: FaultKind[] = []

  constructor(options: NemesisOptions) {
    this.#options = options
    this.#chance = new Mulberry32(options.seed)
    const { kinds } = options
    this.#kinds = FAULT_KINDS.filter(({ name, onlyByName }) => (kinds === undefined ? onlyByName === undefined : kinds.includes(name)))
  }

  /** Since the first fault could be, where the time was not up. `undefined`: it was, or is not over. */
  get endedEarlyMs(): number | undefined {
    return this.#endedEarlyMs
  }

  /** Called when the watch has seen something new. */
  look(): void {
    for (const recovery of this.#recoveries) recovery.look()
  }

  /** Until the time is up, or the end is asked for. Throws `NoRecoveryError`. */
  async run(): Promise<void> {
    const { durationMs, endEarly } = this.#options
    this.#startMs = performance.now()
    for (let round = 0; performance.now() - this.#startMs < durationMs || round <= DATE_TURNS_IN_ROUND; round++) {
      await this.#pause(between(this.#chance, 200, 2_000))
      if (!endEarly.aborted) await this.#round(round === DATE_TURNS_IN_ROUND)
      if (endEarly.aborted) {
        this.#endedEarlyMs = performance.now() - this.#startMs
        return
      }
    }
  }

  /** `dateTurns`: that is the first fault, and it has company. */
  async #round(dateTurns: boolean): Promise<void> {
    const lostBefore = this.#answersLost
    const injected = [await this.#inject(dateTurns ? this.#dateTurns() : this.#drawFault(undefined))]
    const [{ kind, fault }] = injected as [Injected]
    if ((this.#chance.next() < TOGETHER || dateTurns) && this.#kinds.some(({ area }) => area !== kind.area)) {
      await this.#pause(between(this.#chance, 0, Math.max(500, fault.holdMs)))
      if (!this.#options.endEarly.aborted) injected.push(await this.#inject(this.#drawFault(kind)))
    }
    const lasted: number[] = []
    // The one that ends first is undone first.
    for (const { fault, startedMs } of injected.toSorted((a, b) => a.startedMs + a.fault.holdMs - b.startedMs - b.fault.holdMs)) {
      await this.#pause(startedMs + fault.holdMs - performance.now())
      await within(`undoing «${fault.what}»`, DONE_WITHIN_MS, () => fault.heal())
      lasted.push(performance.now() - startedMs)
    }
    const { world } = this.#options
    world.excuses.start = undefined
    const whole = await this.#whole()
    // One that gave up may take a moment to end.
    world.excuses.smallDisk = undefined
    for (const [at, { kind, fault, recovery, startedMs }] of injected.entries()) {
      const { firstCommitMs, processedMs, affectedMs, postgresMs, mongoMs, gatewayMs } = recovery
      const record: FaultRecord = {
        kind: kind.name,
        what: fault.what,
        atS: (startedMs - this.#startMs) / 1000,
        lastedMs: lasted[at] ?? 0,
        together: injected.find((other) => other.kind !== kind)?.kind.name,
        hasAffected: (fault.affected?.() ?? []).length > 0,
        ...{ firstCommitMs, processedMs, affectedMs, postgresMs, mongoMs, gatewayMs },
        answersLost: this.#answersLost - lostBefore,
        wholeAgainMs: whole.ms,
      }
      this.records.push(record)
      this.#options.onFault(record)
      this.#recoveries.delete(recovery)
    }
    if (whole.ms === undefined) throw new NoRecoveryError(`${seconds(WHOLE_WITHIN_MS)} after the end of «${injected.map(({ fault }) => fault.what).join('» and «')}» there is still no ${whole.missing}`)
    // Another broker that goes while one is behind would take more away than one fault.
    await within('every replica is in sync', 2 * WHOLE_WITHIN_MS, () => until('every replica is in sync', () => world.allInSync(), { deadlineMs: WHOLE_WITHIN_MS }))
  }

  get #answersLost(): number {
    return this.#options.world.allProxies.reduce((sum, { lost }) => sum + lost, 0)
  }

  async #inject({ kind, fault }: { kind: FaultKind; fault: Fault }): Promise<Injected> {
    const { world, onStart } = this.#options
    onStart(fault.what)
    if (kind.area === 'brokers' || kind.area === 'network' || kind.area === 'databases') world.excuses.start = fault.what
    const recovery = new Recovery(this.#options)
    this.#recoveries.add(recovery)
    const startedMs = performance.now()
    await within(`making «${fault.what}»`, DONE_WITHIN_MS, () => fault.inject())
    recovery.affects(fault.affected?.() ?? [])
    return { kind, fault, recovery, startedMs }
  }

  /** How long it takes, from now on, or what does not come. */
  async #whole(): Promise<{ ms: number | undefined; missing: string }> {
    const startMs = performance.now()
    const recovery = new Recovery(this.#options)
    this.#recoveries.add(recovery)
    try {
      await until('it goes on', () => recovery.isWhole && [...this.#recoveries].every(({ isWhole }) => isWhole), { deadlineMs: WHOLE_WITHIN_MS })
      return { ms: performance.now() - startMs, missing: '' }
    } catch {
      return { ms: undefined, missing: recovery.missing }
    } finally {
      this.#recoveries.delete(recovery)
    }
  }

  #dateTurns(): { kind: FaultKind; fault: Fault } {
    const kind = FAULT_KINDS.find(({ name }) => name === DATE_TURNS)
    const fault = kind?.make(this.#options.world, this.#chance)
    if (kind === undefined || fault === undefined) throw new Error('the business date cannot turn')
    return { kind, fault }
  }

  /** Another area than `not`. */
  #drawFault(not: FaultKind | undefined): { kind: FaultKind; fault: Fault } {
    for (;;) {
      if (this.#deck.every(({ area }) => area === not?.area)) this.#deck.push(...this.#shuffled())
      const [kind] = this.#deck.splice(
        this.#deck.findIndex(({ area }) => area !== not?.area),
        1,
      )
      const fault = kind?.make(this.#options.world, this.#chance)
      if (kind !== undefined && fault !== undefined) return { kind, fault }
      if (kind !== undefined) this.impossible.add(kind.name)
    }
  }

  #shuffled(): FaultKind[] {
    const deck = this.#kinds.filter(({ name }) => !this.impossible.has(name))
    if (deck.length === 0) throw new Error(`none of these faults can be had: ${[...this.impossible].join(', ')}`)
    for (let at = deck.length - 1; at > 0; at--) {
      const other = Math.floor(this.#chance.next() * (at + 1))
      const [a, b] = [deck[at], deck[other]]
      if (a !== undefined && b !== undefined) [deck[at], deck[other]] = [b, a]
    }
    return deck
  }

  /** Over at once where the end is asked for. */
  async #pause(ms: number): Promise<void> {
    const { endEarly } = this.#options
    if (ms <= 0 || endEarly.aborted) return
    const over = Promise.withResolvers<void>()
    const timer = setTimeout(over.resolve, ms)
    const end = () => over.resolve()
    endEarly.addEventListener('abort', end)
    await over.promise
    endEarly.removeEventListener('abort', end)
    clearTimeout(timer)
  }
}
