import type { Header } from './expected.ts'
import { textOf } from './message.ts'
import type { ModelInput, Outcome } from './trade-model.ts'

const KEPT_MS = 24 * 60 * 60 * 1000
const SUCCESSES: readonly Outcome[] = ['CREATED', 'UPDATED', 'REPLACED', 'DUPLICATE', 'DELETED']

export interface RequestAnswer {
  readonly status: 'SUCCESS' | 'FAILED'
  readonly outcome: Outcome
}

/** The id that ties a record to a request: the last header of this name counts, and only if it is usable. */
export function requestIdOf(headers: readonly Header[]): string | undefined {
  const value = headers.findLast((header) => header.key === 'request-id')?.value
  if (value === undefined || value === null || value.length === 0 || value.length > 200) return undefined
  return textOf(value)
}

/** The requests of one partition and the first answer of each. */
export class RequestMemory {
  readonly #requests = new Map<string, RememberedRequest>()

  find(requestId: string, nowMs: number): RememberedRequest | undefined {
    const request = this.#requests.get(requestId)
    return request !== undefined && nowMs - request.sinceMs < KEPT_MS ? request : undefined
  }

  remember(requestId: string, input: ModelInput, outcome: Outcome, nowMs: number): void {
    this.#requests.set(requestId, new RememberedRequest(input, { status: SUCCESSES.includes(outcome) ? 'SUCCESS' : 'FAILED', outcome }, nowMs))
  }
}

class RememberedRequest {
  readonly answer: RequestAnswer
  readonly sinceMs: number
  readonly #key: Buffer | null
  readonly #value: Buffer | null

  constructor(input: ModelInput, answer: RequestAnswer, sinceMs: number) {
    this.#key = input.key
    this.#value = input.value
    this.answer = answer
    this.sinceMs = sinceMs
  }

  sameAs(input: ModelInput): boolean {
    return sameBytes(this.#key, input.key) && sameBytes(this.#value, input.value)
  }
}

function sameBytes(a: Buffer | null, b: Buffer | null): boolean {
  return a === null || b === null ? a === b : a.equals(b)
}
