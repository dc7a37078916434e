/** An answer to a look-up: its status, and its body as text. */
export interface LookUpAnswer {
  readonly status: number
  readonly body: string
  readonly retryAfter?: string | undefined
  readonly contentType?: string | undefined
}

/** A state that something may be in; `undefined`: it is not there. Fields that only the processor can know are left out. */
export type State = Readonly<Record<string, unknown>> | undefined

/**
 * One thing that goes through states which are known beforehand, in their order, and is looked at from anywhere at any time. An answer may be any state that was reached no earlier than what somebody had seen, or was told, before the
 * question was asked; and one state always has the same text.
 */
export class SeenStates {
  readonly name: string
  readonly #volatile: readonly string[]
  /** Told that a state was seen. */
  readonly #seen: (step: number) => void
  readonly #states: State[]
  readonly #texts: (string | undefined)[] = []
  #least = 0

  /** `first`: the state before anything happened. `volatile`: fields that are the processor's alone. */
  constructor({ name, first, volatile, seen = () => {} }: { name: string; first: State; volatile: readonly string[]; seen?: (step: number) => void }) {
    this.name = name
    this.#states = [first]
    this.#volatile = volatile
    this.#seen = seen
  }

  /** From now on it may be in this state, too. Answers its number. */
  mayBecome(state: State): number {
    return this.#states.push(state) - 1
  }

  /** Somebody knows that it has got so far. */
  reached(step: number): void {
    this.#least = Math.max(this.#least, step)
  }

  get last(): number {
    return this.#states.length - 1
  }

  /** Whether its last state was seen. */
  get isThrough(): boolean {
    return this.#least === this.last
  }

  /** A question is asked now. What it answers takes the answer, and says what is wrong with it; `undefined`: nothing. */
  ask(): (answer: LookUpAnswer) => string | undefined {
    const least = this.#least
    return (answer) => this.#take(answer, least)
  }

  #take({ status, body, retryAfter, contentType }: LookUpAnswer, least: number): string | undefined {
    if (status !== 200 && contentType !== 'application/problem+json') return this.#fault(`${status} as ${contentType}, expected a problem document`, body)
    if (status === 503) return retryAfter === undefined ? this.#fault('503 without Retry-After', body) : undefined
    if (status !== 200 && status !== 404) return this.#fault(`${status}, expected 200, 404 or 503`, body)
    const found = status === 404 ? undefined : this.#known(body)
    const step = this.#states.findIndex((state, n) => n >= least && same(state, found))
    if (step < 0) return this.#fault(this.#states.some((state) => same(state, found)) ? `an older state than number ${least}, which was seen before` : 'a state that never was', body)
    if (status === 200) {
      const before = (this.#texts[step] ??= body)
      if (before !== body) return this.#fault(`state ${step} has two texts: ${before}`, body)
    }
    this.reached(step)
    this.#seen(step)
    return undefined
  }

  #known(body: string): State {
    const fields: unknown = JSON.parse(body)
    if (typeof fields !== 'object' || fields === null) return {}
    return Object.fromEntries(Object.entries(fields).filter(([name]) => !this.#volatile.includes(name)))
  }

  #fault(what: string, body: string): string {
    return `${this.name}: ${what}; found ${body.slice(0, 300)}`
  }
}

function same(one: State, other: State): boolean {
  if (one === undefined || other === undefined) return one === other
  const names = Object.keys(one)
  return names.length === Object.keys(other).length && names.every((name) => one[name] === other[name])
}
