import { createHmac, timingSafeEqual } from 'node:crypto'

export interface RequestId {
  readonly text: string
  /** Of the record: who has the answer is known by it. */
  readonly partition: number
  readonly issuedMs: number
}

const FORM = /^(\d{1,6})-(\d{13})-([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})-([0-9a-f]{24})$/
const SIGNATURE_CHARACTERS = 24

/**
 * Request ids: `<partition>-<issued, ms>-<uuid>-<signature>`. They say where the answer lies and when they were issued; signed, so that one that was never issued is told from one that waits.
 */
export class RequestIds {
  readonly #secret: string
  readonly #now: () => number
  readonly #uuid: () => string

  constructor(options: { secret: string; now: () => number; uuid: () => string }) {
    this.#secret = options.secret
    this.#now = options.now
    this.#uuid = options.uuid
  }

  issue(partition: number): RequestId {
    const issuedMs = this.#now()
    const signed = `${partition}-${issuedMs}-${this.#uuid()}`
    return { text: `${signed}-${this.#sign(signed)}`, partition, issuedMs }
  }

  /** `undefined`: never issued here. */
  read(text: string): RequestId | undefined {
    const id = requestIdOf(text)
    if (id === undefined) return undefined
    const signed = text.slice(0, -SIGNATURE_CHARACTERS - 1)
    return timingSafeEqual(Buffer.from(text.slice(-SIGNATURE_CHARACTERS)), Buffer.from(this.#sign(signed))) ? id : undefined
  }

  #sign(text: string): string {
    return createHmac('sha256', this.#secret).update(text).digest('hex').slice(0, SIGNATURE_CHARACTERS)
  }
}

/** What an id says, whoever has signed it: for ids that come from where only gateways write. `undefined`: it has not the form of one. */
export function requestIdOf(text: string): RequestId | undefined {
  const match = FORM.exec(text)
  return match === null ? undefined : { text, partition: Number(match[1]), issuedMs: Number(match[2]) }
}
