import { ConnectionLostError } from '../../ports/broker.ts'
import type { Timer } from '../../ports/clock.ts'
import type { Scheduler } from './scheduler.ts'
import type { SeededRandom } from './seeded-random.ts'
import type { SimulatedProcess } from './simulated-process.ts'

/** The way of one client to the nodes of a cluster. */
export interface SimulatedNetwork {
  /**
   * Carries a request to the node, calls `handle` there, and carries back what it resolves or rejects with. Requests of one lane to one node are handled one behind the other, in the order of the
   * calls; those of the lanes `fetch` and `join`, which the broker may hold, each on a connection of their own. `handle` rejects with `ConnectionLostError` where the node is down. The call rejects
   * with it where the connection was lost: then `handle` was called, or was not, or will be.
   */
  call<T>(request: { readonly node: number; readonly api: string; readonly lane: string }, handle: () => Promise<T>): Promise<T>
}

/** How the network is at the moment. Chances are by request. */
export interface NetworkConditions {
  readonly minDelayMs: number
  readonly maxDelayMs: number
  /** The connection breaks on the way there: the request is lost. */
  readonly lostRequest: number
  /** The connection breaks on the way back: the node has acted. */
  readonly lostAnswer: number
  /** The connection breaks for the client, and the request arrives all the same, later: behind those that the client sends on its next connection. */
  readonly lateRequest: number
}

export const CALM: NetworkConditions = { minDelayMs: 0.1, maxDelayMs: 0.5, lostRequest: 0, lostAnswer: 0, lateRequest: 0 }

const REQUEST_TIMEOUT_MS = 30_000
const HEARTBEAT_TIMEOUT_MS = 3_000
const HELD_TIMEOUT_MS = 65_000
const CONNECT_MS = 1
/** A request that has left its client arrives within this time, however long after the end of its connection. */
const LATE_MS = 2_000
const HELD_LANES = ['fetch', 'join']

interface Request {
  readonly handle: () => Promise<unknown>
  readonly resolve: (answer: unknown) => void
  readonly reject: (error: Error) => void
  readonly deadlineMs: number
  readonly treatment: Treatment
}

/** What becomes of one request. While it, or its answer, is held, everything behind it on its connection waits; other connections go on: as where packets of one connection are lost again and again. */
interface Treatment {
  readonly fate: Fate
  readonly requestHeldMs: number
  readonly answerHeldMs: number
}

/** `both`: the request for a fifth of the time, the answer for all of it. `lost-answer`: the connection breaks when the time is over. */
export type Held = 'request' | 'answer' | 'both' | 'lost-answer'

export type Fate = 'answered' | 'request-lost' | 'answer-lost' | 'late'

/** The network as one process sees it. */
export class ProcessNetwork implements SimulatedNetwork {
  conditions: NetworkConditions = CALM
  /** Requests that were sent, and connections that broke. */
  sent = 0
  broken = 0
  readonly #process: SimulatedProcess
  readonly #scheduler: Scheduler
  readonly #random: SeededRandom
  readonly #connections = new Map<string, Connection>()
  readonly #stalledUntilMs = new Map<number, number>()
  #breaks: { readonly api: string; left: number; readonly apply: (node: number) => Treatment }[] = []

  constructor({ process, scheduler, random }: { process: SimulatedProcess; scheduler: Scheduler; random: SeededRandom }) {
    this.#process = process
    this.#scheduler = scheduler
    this.#random = random
    process.onDeath(() => this.cut())
  }

  call<T>(request: { node: number; api: string; lane: string }, handle: () => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#process.isDead) return
      this.sent++
      const deadlineMs = this.#scheduler.monotonicMs() + timeoutOf(request.api)
      // The answer of `handle` is what the connection hands on.
      this.#connection(request).send({ handle, resolve: resolve as (answer: unknown) => void, reject, deadlineMs, treatment: this.#treatment(request) })
    })
  }

  /** Breaks connections: to one node, or all of them. */
  cut(node?: number): void {
    for (const connection of [...this.#connections.values()]) if (node === undefined || connection.node === node) connection.end('the connection was cut', this.#random.chance(0.5))
  }

  /** Nothing gets through to a node, or from it, for some time; then everything does, as TCP repeats it. */
  stall(node: number, forMs: number): void {
    this.#stalledUntilMs.set(node, this.#scheduler.monotonicMs() + forMs)
  }

  /** What becomes of the `nth` request of an API from now on. */
  breakAt(api: string, nth: number, fate: Fate): void {
    this.#breaks.push({ api: api.toLowerCase(), left: nth, apply: () => treated(fate) })
  }

  /** The network stalls when the `nth` request of an API is on its way: it arrives when that is over, whatever has become of its sender's place in the group. */
  stallAt(api: string, nth: number, { forMs, nodes }: { forMs: number; nodes: readonly number[] | undefined }): void {
    const apply = (node: number): Treatment => {
      for (const stalled of nodes ?? [node]) this.stall(stalled, forMs)
      return ANSWERED
    }
    this.#breaks.push({ api: api.toLowerCase(), left: nth, apply })
  }

  /** The `nth` request of an API, or its answer, is held for some time, and with it only its connection. `whenSent` is called when it is sent. */
  hangAt(api: string, nth: number, { what, forMs, whenSent }: { what: Held; forMs: number; whenSent?: () => void }): void {
    const requestHeldMs = what === 'request' ? forMs : what === 'both' ? forMs / 5 : 0
    const treatment: Treatment = { fate: what === 'lost-answer' ? 'answer-lost' : 'answered', requestHeldMs, answerHeldMs: what === 'request' ? 0 : forMs }
    const apply = (): Treatment => {
      whenSent?.()
      return treatment
    }
    this.#breaks.push({ api: api.toLowerCase(), left: nth, apply })
  }

  /** Nothing stalls or breaks from now on. */
  healed(): void {
    this.#breaks = []
    this.#stalledUntilMs.clear()
  }

  #connection({ node, lane }: { node: number; lane: string }): Connection {
    let name = `${node} ${lane}`
    if (HELD_LANES.includes(lane)) for (let i = 1; this.#connections.get(name)?.isBusy; i++) name = `${node} ${lane} ${i}`
    const known = this.#connections.get(name)
    if (known !== undefined) return known
    const connection = new Connection({
      node,
      process: this.#process,
      scheduler: this.#scheduler,
      delayMs: () => this.#delayMs(node),
      ended: () => {
        this.#connections.delete(name)
        this.broken++
      },
    })
    this.#connections.set(name, connection)
    return connection
  }

  #delayMs(node: number): number {
    const { minDelayMs, maxDelayMs } = this.conditions
    const stalledMs = Math.max(0, (this.#stalledUntilMs.get(node) ?? 0) - this.#scheduler.monotonicMs())
    return stalledMs + this.#random.between(minDelayMs, maxDelayMs)
  }

  #treatment({ api, node }: { api: string; node: number }): Treatment {
    const due = this.#breaks.length === 0 ? undefined : this.#breaks.find((one) => one.api === api.toLowerCase() && --one.left === 0)
    if (due !== undefined) {
      this.#breaks = this.#breaks.filter((one) => one !== due)
      return due.apply(node)
    }
    const { lostRequest, lostAnswer, lateRequest } = this.conditions
    let draw = this.#random.next()
    if ((draw -= lostRequest) < 0) return treated('request-lost')
    if ((draw -= lostAnswer) < 0) return treated('answer-lost')
    return draw - lateRequest < 0 ? treated('late') : ANSWERED
  }
}

function treated(fate: Fate): Treatment {
  return { fate, requestHeldMs: 0, answerHeldMs: 0 }
}

const ANSWERED = treated('answered')

/** One connection: requests arrive in order, are handled one at a time, and are answered in order. */
class Connection {
  readonly node: number
  readonly #options: { process: SimulatedProcess; scheduler: Scheduler; delayMs: () => number; ended: () => void }
  /** Without an answer that has reached the client, in order. */
  readonly #pending: Request[] = []
  /** On the way to the node. */
  #travelling: Request[] = []
  #arrivalMs: number
  #answerMs = 0
  /** Have arrived and wait until the one before them is handled. */
  readonly #waiting: (() => Promise<unknown>)[] = []
  #isHandling = false
  #isEnded = false
  #timeout: Timer | undefined
  #timeoutMs = 0

  constructor({ node, ...options }: { node: number; process: SimulatedProcess; scheduler: Scheduler; delayMs: () => number; ended: () => void }) {
    this.node = node
    this.#options = options
    this.#arrivalMs = options.scheduler.monotonicMs() + CONNECT_MS
  }

  get isBusy(): boolean {
    return this.#pending.length > 0
  }

  send(request: Request): void {
    const { scheduler, delayMs } = this.#options
    this.#pending.push(request)
    this.#travelling.push(request)
    this.#watch(request.deadlineMs)
    this.#arrivalMs = Math.max(this.#arrivalMs, scheduler.monotonicMs() + delayMs() + request.treatment.requestHeldMs)
    scheduler.after(this.#arrivalMs - scheduler.monotonicMs(), () => this.#arrive(request))
  }

  /** The client learns of it. What is on its way arrives late, or never. */
  end(reason: string, arrivesLate: boolean): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#timeout?.cancel()
    this.#options.ended()
    const { scheduler, process, delayMs } = this.#options
    if (arrivesLate) {
      for (const [i, { handle }] of this.#travelling.entries()) scheduler.after(delayMs() + (LATE_MS * (i + 1)) / this.#travelling.length, () => this.#handle(() => handle().catch(() => {})))
    }
    this.#travelling = []
    const lost = this.#pending.splice(0)
    // A little later: whoever called is still on its way to the await.
    scheduler.after(0, () => process.deliver(() => lost.forEach(({ reject }) => reject(new ConnectionLostError(`node ${this.node}: ${reason}`)))))
  }

  #arrive(request: Request): void {
    if (this.#isEnded) return
    const { fate } = request.treatment
    if (fate === 'request-lost') {
      this.#travelling = this.#travelling.filter((other) => other !== request)
      return this.end('the request was lost', false)
    }
    if (fate === 'late') return this.end('the connection broke, the request is still on its way', true)
    this.#travelling = this.#travelling.filter((other) => other !== request)
    this.#handle(() =>
      request.handle().then(
        (answer) => this.#answer(request, () => request.resolve(answer)),
        (error: Error) => {
          if (error instanceof ConnectionLostError) this.end(error.message, false)
          else this.#answer(request, () => request.reject(error))
        },
      ),
    )
  }

  /** `handle` never rejects. */
  #handle(handle: () => Promise<unknown>): void {
    this.#waiting.push(handle)
    if (!this.#isHandling) this.#handleNext()
  }

  #handleNext(): void {
    const handle = this.#waiting.shift()
    this.#isHandling = handle !== undefined
    if (handle !== undefined) void handle().then(() => this.#handleNext())
  }

  #answer(request: Request, settle: () => void): void {
    if (this.#isEnded) return
    const { scheduler, process, delayMs } = this.#options
    const { fate, answerHeldMs } = request.treatment
    if (fate === 'answer-lost') return answerHeldMs === 0 ? this.end('the answer was lost', false) : void scheduler.after(answerHeldMs, () => this.end('the answer was lost', false))
    this.#answerMs = Math.max(this.#answerMs, scheduler.monotonicMs() + delayMs() + answerHeldMs)
    scheduler.after(this.#answerMs - scheduler.monotonicMs(), () => {
      if (this.#isEnded) return
      this.#pending.splice(this.#pending.indexOf(request), 1)
      process.deliver(settle)
    })
  }

  /** One timer, which looks for the request that has waited longest. */
  #watch(deadlineMs: number): void {
    if (this.#timeout !== undefined && this.#timeoutMs <= deadlineMs) return
    this.#timeout?.cancel()
    this.#timeoutMs = deadlineMs
    const { scheduler } = this.#options
    this.#timeout = scheduler.after(deadlineMs - scheduler.monotonicMs(), () => {
      this.#timeout = undefined
      let earliestMs = Number.POSITIVE_INFINITY
      for (const request of this.#pending) earliestMs = Math.min(earliestMs, request.deadlineMs)
      if (earliestMs <= scheduler.monotonicMs()) this.end('no answer in time', true)
      else if (earliestMs < Number.POSITIVE_INFINITY) this.#watch(earliestMs)
    })
  }
}

function timeoutOf(api: string): number {
  const name = api.toLowerCase()
  if (name === 'heartbeat') return HEARTBEAT_TIMEOUT_MS
  return name === 'joingroup' || name === 'syncgroup' ? HELD_TIMEOUT_MS : REQUEST_TIMEOUT_MS
}
