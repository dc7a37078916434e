import { createConnection, type Socket } from 'node:net'
import { LineReader, type OwnerAnswer, type OwnerRequest } from './query-protocol.ts'

/** The connection to an owner ended, or it did not answer in time. A look-up changes nothing: it may be asked again, of whoever owns the key then. */
export class OwnerLostError extends Error {
  override readonly name = 'OwnerLostError'
}

type Unnumbered<Request> = Request extends unknown ? Omit<Request, 'id'> : never
export type OwnerQuestion = Unnumbered<OwnerRequest>

interface Asked {
  readonly resolve: (answer: OwnerAnswer) => void
  readonly reject: (error: OwnerLostError) => void
  readonly timer: NodeJS.Timeout
}

/** A connection to one stream thread: many questions under way at a time. It ends at the first sign of trouble, and its owner makes a new one. */
export class OwnerConnection {
  readonly address: string
  isEnded = false
  readonly #socket: Socket
  readonly #lines = new LineReader()
  readonly #asked = new Map<number, Asked>()
  #nextId = 0
  /** Questions of one turn of the event loop go out in one write. */
  #outgoing = ''

  constructor(address: string) {
    this.address = address
    const colon = address.lastIndexOf(':')
    this.#socket = createConnection({ host: address.slice(0, colon), port: Number(address.slice(colon + 1)), noDelay: true })
    this.#socket.on('error', (error) => this.#end(error.message))
    this.#socket.on('close', () => this.#end('it closed the connection'))
    this.#socket.on('data', (chunk: Buffer) => {
      if (!this.#lines.push(chunk, (line) => this.#take(line))) this.#end('its answer is too long')
    })
  }

  /** Rejects with `OwnerLostError`; after `timeoutMs` without an answer too, and then the connection is over: its process may be stopped. */
  ask(question: OwnerQuestion, timeoutMs: number): Promise<OwnerAnswer> {
    if (this.isEnded) return Promise.reject(new OwnerLostError(`the connection to ${this.address} is closed`))
    const id = this.#nextId++
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#end(`it did not answer within ${timeoutMs} ms`), timeoutMs)
      this.#asked.set(id, { resolve, reject, timer })
      if (this.#outgoing === '') setImmediate(() => this.#send())
      this.#outgoing += `${JSON.stringify({ ...question, id })}\n`
    })
  }

  close(): void {
    this.#end('it was closed here')
  }

  #send(): void {
    if (!this.isEnded) this.#socket.write(this.#outgoing)
    this.#outgoing = ''
  }

  #take(line: string): void {
    const answer = answerOf(line)
    if (answer === undefined) return this.#end('its answer is no JSON object')
    const asked = this.#asked.get(answer.id)
    if (asked === undefined) return
    this.#asked.delete(answer.id)
    clearTimeout(asked.timer)
    asked.resolve(answer)
  }

  #end(reason: string): void {
    if (this.isEnded) return
    this.isEnded = true
    this.#socket.destroy()
    const asked = [...this.#asked.values()]
    this.#asked.clear()
    for (const { timer, reject } of asked) {
      clearTimeout(timer)
      reject(new OwnerLostError(`${this.address}: ${reason}`))
    }
  }
}

/** `undefined`: no answer of an owner. */
function answerOf(line: string): OwnerAnswer | undefined {
  try {
    const answer: unknown = JSON.parse(line)
    // The other side is a processor of this program; an object that it did not write finds no question.
    return typeof answer === 'object' && answer !== null ? (answer as OwnerAnswer) : undefined
  } catch {
    return undefined
  }
}
