import type { Broker, GroupGeneration } from '../ports/broker.ts'
import { ConnectionLostError } from '../ports/broker.ts'
import type { Timer } from '../ports/clock.ts'
import type { Coordinators } from './coordinators.ts'
import { kafkaError } from './error-codes.ts'
import { RetryPace, type RetryContext } from './retry-pace.ts'

export interface HeartbeatOptions extends RetryContext {
  readonly broker: Broker
  readonly coordinators: Coordinators
  readonly intervalMs: number
  readonly sessionTimeoutMs: number
  /** An answer to a heartbeat of the generation that is current now; passing errors are not told. */
  readonly answered: (errorCode: number) => void
  /** A session timeout has gone by on our clock since the last heartbeat that the coordinator confirmed. */
  readonly expired: () => void
  readonly broken: (error: unknown) => void
}

const REBALANCE_IN_PROGRESS = 27

/**
 * Heartbeats of one member, and the time at which its session ends. The session is counted from when a confirmed heartbeat was sent, so a
 * process that was paused finds itself expired, even if an answer from before the pause waits in its socket.
 */
export class Heartbeats {
  readonly #options: HeartbeatOptions
  readonly #pace: RetryPace
  #generation: GroupGeneration | undefined
  #confirmedMs = 0
  #beat: Timer | undefined
  #session: Timer | undefined
  #underWay = false
  /** Goes up with `stop`: a heartbeat that hangs on a dead connection must not hold up those of the next membership. */
  #life = 0

  constructor(options: HeartbeatOptions) {
    this.#options = options
    this.#pace = new RetryPace(options, { maxMs: options.intervalMs })
  }

  /** Heartbeats go on under this generation; the coordinator has just confirmed it. */
  follow(generation: GroupGeneration): void {
    this.#generation = generation
    this.#confirm(this.#options.clock.monotonicMs())
    if (!this.#beat && !this.#underWay) this.#next(this.#options.intervalMs)
  }

  stop(): void {
    this.#generation = undefined
    this.#life++
    this.#underWay = false
    this.#beat?.cancel()
    this.#beat = undefined
    this.#session?.cancel()
    this.#session = undefined
  }

  get sessionIsOver(): boolean {
    return this.#options.clock.monotonicMs() >= this.#confirmedMs + this.#options.sessionTimeoutMs
  }

  #next(delayMs: number): void {
    this.#beat?.cancel()
    this.#beat = this.#options.clock.after(delayMs, () => {
      this.#beat = undefined
      this.#send().catch(this.#options.broken)
    })
  }

  async #send(): Promise<void> {
    const { coordinators, clock, intervalMs } = this.#options
    const generation = this.#generation
    if (!generation || this.#underWay || this.#endSession()) return
    const { groupId } = generation
    const sentMs = clock.monotonicMs()
    const life = this.#life
    let delayMs = intervalMs
    this.#underWay = true
    try {
      const node = await coordinators.look('group', groupId)
      const errorCode = node === undefined ? undefined : await this.#ask(node, generation)
      if (errorCode === undefined) delayMs = this.#pace.nextMs()
      else {
        this.#pace.reset()
        this.#answered(generation, errorCode, sentMs)
      }
    } finally {
      if (life === this.#life) this.#underWay = false
    }
    if (life === this.#life) this.#next(delayMs)
  }

  /** The error code; `undefined`: ask again soon. */
  async #ask(node: number, generation: GroupGeneration): Promise<number | undefined> {
    const { broker, coordinators } = this.#options
    try {
      const { errorCode } = await broker.heartbeat(node, generation)
      if (errorCode === 0) return 0
      const { scope } = kafkaError(errorCode, 'heartbeat')
      if (scope !== 'coordinator' && scope !== 'retriable') return errorCode
    } catch (error) {
      if (!(error instanceof ConnectionLostError)) throw error
    }
    coordinators.forget('group', generation.groupId, node)
    return undefined
  }

  #answered(generation: GroupGeneration, errorCode: number, sentMs: number): void {
    // asked for a generation that has ended since
    if (this.#generation !== generation) return
    if (errorCode === 0 || errorCode === REBALANCE_IN_PROGRESS) this.#confirm(sentMs)
    if (!this.#endSession()) this.#options.answered(errorCode)
  }

  #confirm(atMs: number): void {
    if (atMs < this.#confirmedMs) return
    this.#confirmedMs = atMs
    this.#session?.cancel()
    const leftMs = atMs + this.#options.sessionTimeoutMs - this.#options.clock.monotonicMs()
    this.#session = this.#options.clock.after(Math.max(0, leftMs), () => {
      this.#endSession()
    })
  }

  #endSession(): boolean {
    if (!this.#generation || !this.sessionIsOver) return false
    this.stop()
    this.#options.expired()
    return true
  }
}
