import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { RequestWriter } from '../../kafka/protocol/request-writer.ts'

/** A request as it came, header parsed. */
export interface WireRequest {
  readonly apiKey: number
  readonly apiVersion: number
  readonly correlationId: number
  readonly clientId: string
  /** What follows the header. */
  readonly body: Buffer
  readonly socket: Socket
  /** Answers, with the response header that goes with the request. */
  answer(body: Buffer): void
}

/** Nobody listens there. One that was free a moment ago may be somebody's by now. */
export const UNUSED_PORT = 1

export type Ranges = Record<number, [min: number, max: number]>

/** Listens as a broker does, answers ApiVersions, and hands every other request to the test, in order. */
export class WireServer {
  static async listen(options: { ranges?: Ranges; connected?: (socket: Socket) => void } = {}): Promise<WireServer> {
    const server = new WireServer(options.ranges ?? {}, options.connected)
    server.#server.listen(0, '127.0.0.1')
    await once(server.#server, 'listening')
    return server
  }

  readonly #server: Server
  readonly #ranges: Ranges
  readonly #requests: WireRequest[] = []
  readonly #waiting: ((request: WireRequest) => void)[] = []
  readonly sockets: Socket[] = []

  private constructor(ranges: Ranges, connected?: (socket: Socket) => void) {
    this.#ranges = ranges
    this.#server = createServer((socket) => {
      this.sockets.push(socket)
      socket.on('error', () => {})
      if (connected) connected(socket)
      else this.#serve(socket)
    })
  }

  get port(): number {
    // a server on TCP has an address of this kind
    return (this.#server.address() as AddressInfo).port
  }

  get address(): string {
    return `127.0.0.1:${this.port}`
  }

  /** The next request, whenever it comes. */
  next(): Promise<WireRequest> {
    const request = this.#requests.shift()
    return request ? Promise.resolve(request) : new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** Requests that came and were not asked for. */
  get unread(): number {
    return this.#requests.length
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #serve(socket: Socket): void {
    let received = Buffer.alloc(0)
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk])
      while (received.length >= 4 && received.length >= 4 + received.readInt32BE(0)) {
        const end = 4 + received.readInt32BE(0)
        this.#arrived(received.subarray(4, end), socket)
        received = received.subarray(end)
      }
    })
  }

  #arrived(frame: Buffer, socket: Socket): void {
    const [apiKey, apiVersion, correlationId] = [frame.readInt16BE(0), frame.readInt16BE(2), frame.readInt32BE(4)]
    const headerEnd = 10 + frame.readInt16BE(8)
    const flexible = !isOld(apiKey, apiVersion)
    const answer = (body: Buffer) => {
      const header = Buffer.alloc(flexible && apiKey !== API_VERSIONS ? 9 : 8)
      header.writeInt32BE(header.length - 4 + body.length, 0)
      header.writeInt32BE(correlationId, 4)
      socket.write(Buffer.concat([header, body]))
    }
    const clientId = frame.toString('utf8', 10, headerEnd)
    const request: WireRequest = { apiKey, apiVersion, correlationId, clientId, body: frame.subarray(headerEnd + (flexible ? 1 : 0)), socket, answer }
    if (apiKey === API_VERSIONS) return answer(apiVersions(this.#ranges, apiVersion))
    const waiting = this.#waiting.shift()
    if (waiting) waiting(request)
    else this.#requests.push(request)
  }
}

const API_VERSIONS = 18
const SASL_HANDSHAKE = 17

/** The library authenticates with requests from before the flexible versions. */
function isOld(apiKey: number, apiVersion: number): boolean {
  return apiKey === SASL_HANDSHAKE || (apiKey === API_VERSIONS && apiVersion < 3)
}

/** The layout of a response body, written with the types that requests are written with. */
export function responseBody(write: (writer: RequestWriter) => void): Buffer {
  const writer = new RequestWriter()
  write(writer)
  return Buffer.concat(writer.finish()).subarray(4)
}

function apiVersions(ranges: Ranges, version: number): Buffer {
  const apis = Object.entries(ranges).map(([key, [min, max]]) => [Number(key), min, max] as const)
  return responseBody((writer) => {
    writer.int16(0)
    if (version < 3) writer.int32(apis.length)
    else writer.unsignedVarint(apis.length + 1)
    for (const api of apis) {
      for (const field of api) writer.int16(field)
      if (version >= 3) writer.noTags()
    }
    writer.int32(0)
    if (version >= 3) writer.noTags()
  })
}
