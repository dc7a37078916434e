import { ConnectionLostError } from '../ports/broker.ts'
import type { Clock, Timer } from '../ports/clock.ts'
import { kafkaError } from './error-codes.ts'
import type { SaslOptions } from './library-link.ts'
import { FIRST_CORRELATION_ID, type Link, type LinkOptions, LoginRefusedError, openLink, reasonsOf } from './link.ts'
import { type Api, chooseVersion, type VersionRange } from './protocol/api.ts'
import { apiVersionsApi } from './protocol/cluster.ts'
import { FrameMemory } from './protocol/frame-memory.ts'
import { RequestWriter } from './protocol/request-writer.ts'
import { ResponseFormatError, ResponseReader } from './protocol/response-reader.ts'

export interface ConnectionOptions extends Omit<LinkOptions, 'memory'> {
  readonly clientId: string
  readonly clock: Clock
  readonly requestTimeoutMs: number
  readonly sasl?: SaslOptions
  /** Default: its own. */
  readonly memory?: FrameMemory
}

/** Sent with the first request of a connection; brokers show it in their metrics. */
export const SOFTWARE = { software: 'tradewind', softwareVersion: '0.1.0' }

/**
 * One connection to one broker, with any number of requests under way, answered in order.
 *
 * ```
 * opening -> open <-> held (the link logs in again: Kafka allows no other request meanwhile)
 *     any -> ended (for ever: socket closed, time-out, an answer that cannot be read, close())
 * ```
 */
export class Connection {
  /** Connects, authenticates and learns the broker's API versions. Rejects with `ConnectionLostError`, or with SASL_AUTHENTICATION_FAILED. */
  static async open(options: ConnectionOptions): Promise<Connection> {
    const { host, port, sasl } = options
    const linkOptions = { memory: new FrameMemory(), ...options }
    let link: Link
    try {
      link = await (sasl === undefined ? openLink(linkOptions) : openWithLogin({ ...linkOptions, sasl }))
    } catch (error) {
      throw openFailure(`${host}:${port}`, error)
    }
    const connection = new Connection(link, options)
    try {
      await connection.#negotiate()
    } catch (error) {
      await connection.close()
      throw error
    }
    return connection
  }

  readonly #link: Link
  readonly #clientId: string
  readonly #clock: Clock
  readonly #requestTimeoutMs: number
  readonly #address: string
  readonly #underWay = new Map<number, UnderWay>()
  readonly #socketClosed: Promise<void>
  #versions: ReadonlyMap<number, VersionRange> = new Map([[apiVersionsApi.key, { min: 0, max: apiVersionsApi.maxVersion }]])
  #held: Uint8Array[][] = []
  #correlationId = FIRST_CORRELATION_ID
  #answered = 0
  #ended: ConnectionLostError | undefined

  private constructor(link: Link, options: ConnectionOptions) {
    this.#link = link
    this.#clientId = options.clientId
    this.#clock = options.clock
    this.#requestTimeoutMs = options.requestTimeoutMs
    this.#address = `${options.host}:${options.port}`
    const { socket } = link
    this.#socketClosed = new Promise((resolve) => (socket.closed ? resolve() : socket.once('close', () => resolve())))
    link.listener = {
      frame: (frame) => this.#receive(frame),
      released: () => this.#release(),
      ended: (reason, cause) => this.#end(cause instanceof Error ? reasonsOf(cause).join(': ') : reason, cause),
    }
    socket.on('close', () =>
      this.#end(this.#answered > 1 ? 'the broker closed it' : 'the broker closed it before it answered the first request (does it want TLS or SASL?)'),
    )
    socket.setKeepAlive(true, KEEP_ALIVE_AFTER_MS)
  }

  get ended(): boolean {
    return this.#ended !== undefined
  }

  /** Resolves when the socket is closed, for whatever reason. */
  get closed(): Promise<void> {
    return this.#socketClosed
  }

  /** Rejects with `ConnectionLostError` (its fate is unknown) or `UnsupportedVersionError` (it was not sent). A request without an answer after `timeoutMs` ends the connection. */
  request<Request, Response>(api: Api<Request, Response>, request: Request, timeoutMs: number): Promise<Response> {
    return new Promise((resolve, reject) => {
      if (this.#ended) return reject(this.#ended)
      // what throws here, rejects
      const version = chooseVersion(api, this.#versions.get(api.key), this.#address)
      const correlationId = this.#correlationId
      const frame = this.#frame(api, version, correlationId, request)
      this.#correlationId = correlationId === LAST_CORRELATION_ID ? FIRST_CORRELATION_ID : correlationId + 1
      const timer = this.#clock.after(timeoutMs, () => void this.#timedOut(correlationId, `no answer to ${api.name} within ${timeoutMs} ms`))
      const answer = (reader: ResponseReader) => {
        const response = api.read(reader, version, request)
        if (reader.remaining > 0) throw new ResponseFormatError(`${reader.remaining} bytes are left over`)
        resolve(response)
      }
      this.#underWay.set(correlationId, { api, timer, answer, reject })
      if (this.#link.hold) this.#held.push(frame)
      else this.#write(frame)
    })
  }

  /** Requests under way are rejected with `ConnectionLostError`. Resolves when the socket is closed. */
  close(): Promise<void> {
    this.#end('it was closed here')
    return this.#socketClosed
  }

  async #negotiate(): Promise<void> {
    const { errorCode, versions } = await this.request(apiVersionsApi, SOFTWARE, this.#requestTimeoutMs)
    if (errorCode !== 0)
      throw kafkaError(errorCode, `${this.#address} refuses ApiVersions ${apiVersionsApi.maxVersion}: Kafka ${apiVersionsApi.since} or later is needed`)
    this.#versions = versions
  }

  #frame<Request, Response>(api: Api<Request, Response>, version: number, correlationId: number, request: Request): Uint8Array[] {
    const writer = new RequestWriter()
    writer.int16(api.key)
    writer.int16(version)
    writer.int32(correlationId)
    writer.plainString(this.#clientId)
    writer.noTags()
    api.write(writer, request, version)
    return writer.finish()
  }

  #write(frame: readonly Uint8Array[]): void {
    const { socket } = this.#link
    // corked, the pieces of a Produce leave in one gathered write (writev) and are not copied
    socket.cork()
    for (const piece of frame) socket.write(piece)
    socket.uncork()
  }

  #release(): void {
    const held = this.#held
    this.#held = []
    for (const frame of held) this.#write(frame)
  }

  #receive(frame: Buffer): void {
    if (this.#ended) return
    const correlationId = frame.readInt32BE(0)
    const underWay = this.#underWay.get(correlationId)
    if (!underWay) return this.#end(`an answer came to a request that was not sent (correlation id ${correlationId})`)
    const { api, timer, answer } = underWay
    const reader = new ResponseReader(frame)
    try {
      reader.skip(CORRELATION_ID_BYTES)
      if (api.key !== apiVersionsApi.key) reader.tags()
      answer(reader)
    } catch (error) {
      return this.#end(`the answer to ${api.name} cannot be read: ${error instanceof Error ? error.message : error}`, error)
    }
    this.#underWay.delete(correlationId)
    this.#answered++
    timer.cancel()
  }

  /** Timers come before sockets when a process that was stopped goes on: the answer may be here, and has not been read. */
  async #timedOut(correlationId: number, reason: string): Promise<void> {
    await this.#clock.turn()
    if (this.#underWay.has(correlationId)) this.#end(reason)
  }

  #end(reason: string, cause?: unknown): void {
    if (this.#ended) return
    const ended = new ConnectionLostError(`connection to ${this.#address} ended: ${reason}`, cause === undefined ? undefined : { cause })
    this.#ended = ended
    this.#held = []
    for (const { timer, reject } of this.#underWay.values()) {
      timer.cancel()
      reject(ended)
    }
    this.#underWay.clear()
    this.#link.close()
  }
}

interface UnderWay {
  readonly api: { readonly key: number; readonly name: string }
  readonly timer: Timer
  readonly answer: (reader: ResponseReader) => void
  readonly reject: (error: Error) => void
}

const LAST_CORRELATION_ID = 2 ** 31 - 1
const CORRELATION_ID_BYTES = 4
const KEEP_ALIVE_AFTER_MS = 30_000

/** The library is loaded where it is needed: loading it took longer than loading all the rest (docs/decisions/sockets.md). */
async function openWithLogin(options: LinkOptions & { clientId: string; sasl: SaslOptions }): Promise<Link> {
  const { openLibraryLink } = await import('./library-link.ts')
  return await openLibraryLink(options)
}

/** Credentials that are refused will be refused again; whatever else went wrong may have passed at the next attempt. */
function openFailure(address: string, error: unknown): Error {
  const cause = error instanceof Error ? error : new Error(String(error))
  const why = reasonsOf(cause).join(': ')
  if (cause instanceof LoginRefusedError) return kafkaError(SASL_AUTHENTICATION_FAILED, `${address} refused the login (${why}): check mechanism, user and password (kafka.sasl.*)`)
  return new ConnectionLostError(`cannot connect to ${address}: ${why}`, { cause })
}

const SASL_AUTHENTICATION_FAILED = 58
