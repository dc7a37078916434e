import { createServer, type Server, type Socket } from 'node:net'
import type { StoreAnswer } from '../../engine/store-queries.ts'
import type { InstanceStatus } from './instance-status.ts'
import { LineReader, type OwnerAnswer, type OwnerRequest } from './query-protocol.ts'

export interface QueryServerOptions {
  readonly host: string
  /** 0: any that is free. */
  readonly port: number
  readonly answers: QueryAnswers
}

/** What an instance answers. What it does not know it has nothing for: a sink has no stores. */
export interface QueryAnswers {
  readonly status: () => InstanceStatus
  readonly get?: (query: { store: string; partition: number; key: Buffer }, waitMs: number) => Promise<StoreAnswer>
  /** Answers how many trades expired. */
  readonly expire?: () => Promise<number>
  readonly pause?: () => void
  readonly resume?: () => void
  /** `undefined`: the partition is somebody else's. */
  readonly reached?: (at: { topic: string; partition: number; offset: number }, waitMs: number) => Promise<boolean | undefined>
}

const LONGEST_REQUEST_BYTES = 10_000
const LONGEST_WAIT_MS = 60_000
/** Requests of one connection that may wait for a key; whoever asks for more is answered that the key is absent. */
const MOST_WAITING = 20_000

/** Answers gateways: for one stream thread, or one sink. */
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
    const { answers } = this.#options
    switch (request.command) {
      case 'status':
        return { id, kind: 'status', status: answers.status() }
      case 'expire':
        return answers.expire === undefined ? notHere(request) : { id, kind: 'expired', count: await answers.expire() }
      case 'pause':
      case 'resume': {
        const act = answers[request.command]
        if (act === undefined) return notHere(request)
        act()
        return { id, kind: 'done' }
      }
      case 'reached': {
        const { topic, partition, offset, waitMs } = request
        const hasReached = await answers.reached?.({ topic, partition, offset }, mayWait ? Math.min(waitMs, LONGEST_WAIT_MS) : 0)
        return hasReached === undefined ? { id, kind: 'elsewhere', reason: `${topic}-${partition} is not written here` } : { id, kind: 'reached', hasReached }
      }
      case 'get': {
        const { store, partition, key, waitMs } = request
        const found = await answers.get?.({ store, partition, key: Buffer.from(key) }, mayWait ? Math.min(waitMs, LONGEST_WAIT_MS) : 0)
        if (found === undefined) return notHere(request)
        return found.kind === 'found' ? { id, kind: 'found', value: found.value.toString('base64') } : { id, ...found }
      }
    }
  }
}

function notHere({ id, command }: OwnerRequest): OwnerAnswer {
  return { id, kind: 'failed', reason: `${command} means nothing here` }
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

/** Members that a command needs, and their types. */
const MEMBERS: { readonly [command in OwnerRequest['command']]: Readonly<Record<string, 'string' | 'number'>> } = {
  status: {},
  expire: {},
  pause: {},
  resume: {},
  get: { store: 'string', partition: 'number', key: 'string', waitMs: 'number' },
  reached: { topic: 'string', partition: 'number', offset: 'number', waitMs: 'number' },
}

function isRequest(value: unknown): value is OwnerRequest {
  if (typeof value !== 'object' || value === null) return false
  const request = value as Record<string, unknown> // each member is checked here
  const { id, command, waitMs } = request
  if (typeof id !== 'number' || typeof command !== 'string' || !Object.hasOwn(MEMBERS, command)) return false
  const members = MEMBERS[command as OwnerRequest['command']] // it is a name of one, as was just seen
  return Object.entries(members).every(([name, type]) => typeof request[name] === type) && !(typeof waitMs === 'number' && !(waitMs >= 0))
}
