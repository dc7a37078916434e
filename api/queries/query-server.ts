import { createServer, type Server, type Socket } from 'node:net'
import type { StoreAnswer } from '../../engine/store-queries.ts'
import { LineReader, type OwnerAnswer, type OwnerRequest } from './query-protocol.ts'

export interface QueryServerOptions {
  readonly host: string
  /** 0: any that is free. */
  readonly port: number
  readonly get: (query: { store: string; partition: number; key: Buffer }, waitMs: number) => Promise<StoreAnswer>
  /** Answers how many trades expired. */
  readonly expire: () => Promise<number>
}

const LONGEST_REQUEST_BYTES = 10_000
const LONGEST_WAIT_MS = 60_000
/** Requests of one connection that may wait for a key; whoever asks for more is answered that the key is absent. */
const MOST_WAITING = 20_000

/** Serves interactive queries for one stream thread. */
export class QueryServer {
  readonly #options: QueryServerOptions
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor(options: QueryServerOptions) {
    this.#options = options
    this.#server = createServer({ noDelay: true }, (socket) => this.#serve(socket))
  }

  /** @throws the error of the operating system where the address cannot be listened on. */
  static async listen(options: QueryServerOptions): Promise<QueryServer> {
    const server = new QueryServer(options)
    await new Promise<void>((listening, failed) => server.#server.once('error', failed).listen(options.port, options.host, listening))
    return server
  }

  get port(): number {
    const address = this.#server.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise<void>((closed) => {
      this.#server.close(() => closed())
    })
  }

  #serve(socket: Socket): void {
    const lines = new LineReader()
    const connection = { socket, waiting: 0 }
    this.#sockets.add(socket)
    socket.on('error', () => socket.destroy())
    socket.on('close', () => this.#sockets.delete(socket))
    // Who does not take his answers is asked nothing more until he does: nothing grows.
    socket.on('drain', () => socket.resume())
    socket.on('data', (chunk: Buffer) => {
      const inBounds = lines.push(chunk, (line) => void this.#answer(connection, line), LONGEST_REQUEST_BYTES)
      if (!inBounds) socket.destroy()
    })
  }

  async #answer(connection: { socket: Socket; waiting: number }, line: string): Promise<void> {
    const { socket } = connection
    const request = readRequest(line)
    if (request === undefined) {
      socket.destroy()
      return
    }
    connection.waiting++
    const answer = await this.#answerTo(request, connection.waiting <= MOST_WAITING).catch((error: unknown): OwnerAnswer => ({ id: request.id, kind: 'failed', reason: error instanceof Error ? error.message : String(error) }))
    connection.waiting--
    if (!socket.destroyed && !socket.write(`${JSON.stringify(answer)}\n`)) socket.pause()
  }

  async #answerTo(request: OwnerRequest, mayWait: boolean): Promise<OwnerAnswer> {
    const { id } = request
    if (request.command === 'expire') return { id, kind: 'expired', count: await this.#options.expire() }
    const { store, partition, key, waitMs } = request
    const found = await this.#options.get({ store, partition, key: Buffer.from(key) }, mayWait ? Math.min(waitMs, LONGEST_WAIT_MS) : 0)
    return found.kind === 'found' ? { id, kind: 'found', value: found.value.toString('base64') } : { id, ...found }
  }
}

/** `undefined`: it is none, so whoever speaks here speaks another language. */
function readRequest(line: string): OwnerRequest | undefined {
  try {
    const request: unknown = JSON.parse(line)
    return isRequest(request) ? request : undefined
  } catch {
    return undefined
  }
}

function isRequest(value: unknown): value is OwnerRequest {
  if (typeof value !== 'object' || value === null) return false
  const { id, command, store, partition, key, waitMs } = value as Record<string, unknown> // each member is checked below
  if (typeof id !== 'number') return false
  if (command === 'expire') return true
  return command === 'get' && typeof store === 'string' && typeof partition === 'number' && typeof key === 'string' && typeof waitMs === 'number' && waitMs >= 0
}
