import { createConnection, createServer, type Server, type Socket } from 'node:net'
import type { AnswerTap } from './answer-taps.ts'

export interface TcpProxyOptions {
  readonly name: string
  readonly listenPort: number
  readonly targetPort: number
  /** For each connection, how to find the answer to a request. */
  readonly tap: () => AnswerTap
}

/**
 * A proxy on loopback before a server, with faults of the network on demand. Without them it passes on what comes.
 *
 * `slow`, `stall` and `refuse` stay until `heal`; the others happen to the connections that there are, or to one answer.
 */
export class TcpProxy {
  readonly name: string
  readonly #options: TcpProxyOptions
  readonly #links = new Set<Link>()
  readonly #server: Server
  readonly #faults: LinkFaults = { delayMs: 0, isStalled: false, lose: new Set() }
  #refuses = false
  /** Answers lost so far. */
  lost = 0

  private constructor(options: TcpProxyOptions) {
    this.name = options.name
    this.#options = options
    this.#server = createServer({ noDelay: true, allowHalfOpen: false }, (client) => this.#accept(client))
  }

  static async listen(options: TcpProxyOptions): Promise<TcpProxy> {
    const proxy = new TcpProxy(options)
    await new Promise<void>((listening, failed) => proxy.#server.once('error', failed).listen(options.listenPort, '127.0.0.1', listening))
    return proxy
  }

  get port(): number {
    return this.#options.listenPort
  }

  /** Every chunk, in both directions, arrives this much later. */
  slow(delayMs: number): void {
    this.#faults.delayMs = delayMs
  }

  /** Nothing gets through, and nobody is told; what was sent meanwhile arrives after `heal`, as after a partition of the network. */
  stall(): void {
    this.#faults.isStalled = true
    for (const link of this.#links) link.update()
  }

  /** Connections end, and new ones too as soon as they are made. */
  refuse(): void {
    this.#refuses = true
    this.cut()
  }

  /** Every connection is reset on both sides. */
  cut(): void {
    for (const link of [...this.#links]) link.reset()
  }

  /** The server loses its connections; the clients are not told and send into the void until `heal`. New connections work. */
  halfOpen(): void {
    for (const link of this.#links) link.loseServer()
  }

  /** The answer to the next of these requests is lost after the server has acted: its connection is reset instead. The names are those that the tap knows. */
  loseAnswerTo(...requests: readonly string[]): void {
    this.#faults.lose = new Set(requests)
  }

  heal(): void {
    this.#refuses = false
    this.#faults.delayMs = 0
    this.#faults.isStalled = false
    this.#faults.lose = new Set()
    for (const link of [...this.#links]) link.heal()
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    this.cut()
    await closed
  }

  #accept(client: Socket): void {
    if (this.#refuses) {
      client.on('error', () => {}).resetAndDestroy()
      return
    }
    const link = new Link(client, {
      port: this.#options.targetPort,
      tap: this.#options.tap(),
      faults: this.#faults,
      lost: () => this.lost++,
      ended: () => this.#links.delete(link),
    })
    this.#links.add(link)
  }
}

interface LinkFaults {
  delayMs: number
  isStalled: boolean
  lose: Set<string>
}

interface LinkOptions {
  readonly port: number
  readonly tap: AnswerTap
  /** The proxy's, as they are at the moment. */
  readonly faults: LinkFaults
  readonly lost: () => void
  readonly ended: () => void
}

/** A connection of a client, and that to the server which belongs to it. */
class Link {
  readonly #client: Socket
  readonly #server: Socket
  readonly #options: LinkOptions
  readonly #lanes: readonly Lane[]
  #serverIsLost = false
  #hasEnded = false

  constructor(client: Socket, options: LinkOptions) {
    this.#client = client
    this.#options = options
    this.#server = createConnection({ port: options.port, host: '127.0.0.1', noDelay: true })
    const { tap, faults } = options
    const toServer = new Lane(this.#server, faults)
    const toClient = new Lane(this.#client, faults)
    this.#lanes = [toServer, toClient]
    client.on('data', (chunk: Buffer) => {
      if (this.#serverIsLost) return
      if (tap.request(chunk, faults.lose)) faults.lose = new Set()
      toServer.send(chunk, client)
    })
    this.#server.on('data', (chunk: Buffer) => {
      const before = tap.answer(chunk)
      if (before === undefined) return toClient.send(chunk, this.#server)
      options.lost()
      if (before > 0) client.write(chunk.subarray(0, before))
      this.reset()
    })
    client.on('end', () => this.#close()).on('close', () => this.#close()).on('error', () => this.reset())
    this.#server.on('end', () => this.#serverEnded()).on('close', () => this.#serverEnded()).on('error', () => !this.#serverIsLost && this.reset())
  }

  update(): void {
    for (const lane of this.#lanes) lane.pump()
    if (this.#hasEnded) this.#close()
  }

  reset(): void {
    this.#client.resetAndDestroy()
    this.#server.resetAndDestroy()
    this.#options.ended()
  }

  loseServer(): void {
    this.#serverIsLost = true
    this.#server.resetAndDestroy()
  }

  /** Where the server is lost, the first packet that reaches it again is answered with a reset. */
  heal(): void {
    if (this.#serverIsLost) this.reset()
    else this.update()
  }

  #serverEnded(): void {
    if (!this.#serverIsLost) this.#close()
  }

  /** One side has ended in order: what is under way still gets to the other. */
  #close(): void {
    this.#hasEnded = true
    // the word of it gets through no sooner than anything else
    if (this.#options.faults.isStalled) return
    this.#client.end()
    this.#server.end()
    this.#options.ended()
  }
}

/** One direction of a link. */
class Lane {
  readonly #to: Socket
  readonly #faults: LinkFaults
  readonly #waiting: { chunk: Buffer; dueMs: number }[] = []
  #from: Socket | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(to: Socket, faults: LinkFaults) {
    this.#to = to
    this.#faults = faults
  }

  send(chunk: Buffer, from: Socket): void {
    this.#from = from
    this.#waiting.push({ chunk, dueMs: performance.now() + this.#faults.delayMs })
    this.pump()
    // What nobody takes is to stay with the one who sends it.
    if (this.#waiting.length > 0 && this.#faults.isStalled) from.pause()
  }

  pump(): void {
    if (this.#faults.isStalled) return
    this.#from?.resume()
    let next = this.#waiting[0]
    while (next !== undefined && next.dueMs <= performance.now()) {
      this.#waiting.shift()
      this.#write(next.chunk)
      next = this.#waiting[0]
    }
    if (next === undefined || this.#timer !== undefined) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.pump()
    }, next.dueMs - performance.now())
  }

  #write(chunk: Buffer): void {
    if (!this.#to.writable || this.#to.write(chunk)) return
    this.#from?.pause()
    this.#to.once('drain', () => this.#from?.resume())
  }
}
