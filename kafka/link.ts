import { connect as connectPlain, type NetConnectOpts, type Socket } from 'node:net'
import { connect as connectTls, type ConnectionOptions as TlsOptions } from 'node:tls'
import type { Clock } from '../ports/clock.ts'
import { FrameAssembler, FrameError } from './protocol/frame-assembler.ts'
import type { FrameMemory } from './protocol/frame-memory.ts'

/** Ours begin here, those of a library that logs in with 0: on one connection it never gets this far. */
export const FIRST_CORRELATION_ID = 2 ** 30

/** The broker has judged the credentials. */
export class LoginRefusedError extends Error {
  override readonly name = 'LoginRefusedError'
}

/** What becomes of a link. */
export interface LinkListener {
  frame(frame: Buffer): void
  /** `hold` is over. */
  released(): void
  ended(reason: string, cause?: unknown): void
}

/** A socket to a broker, logged in where that is needed. */
export interface Link {
  readonly socket: Socket
  /** Only the link itself may send now: it logs in again. */
  readonly hold: boolean
  /** To be set before the event loop goes on. */
  listener: LinkListener | undefined
  close(): void
}

export interface LinkOptions {
  readonly host: string
  readonly port: number
  readonly clock: Clock
  readonly connectTimeoutMs: number
  /** Options of `tls.connect`. */
  readonly tls?: TlsOptions
  readonly memory: FrameMemory
}

/**
 * A link without a login. Its socket reads straight into the frames: Node would otherwise allocate 64 KB outside of the heap for each read, and we would copy it.
 * Rejects with what the socket says.
 */
export async function openLink(options: LinkOptions): Promise<Link> {
  const link = new SocketLink(options)
  await link.connected
  return link
}

class SocketLink implements Link {
  readonly socket: Socket
  readonly hold = false
  readonly connected: Promise<void>
  listener: LinkListener | undefined
  readonly #assembler: FrameAssembler

  constructor({ host, port, clock, connectTimeoutMs, tls, memory }: LinkOptions) {
    this.#assembler = new FrameAssembler((frame) => this.listener?.frame(frame), memory)
    const onread = { buffer: () => this.#assembler.room(), callback: (bytes: number) => this.#received(bytes) }
    const options: NetConnectOpts = { host, port, noDelay: true, onread }
    // The server name of SNI is the host, unless that is an address or the options name another.
    const socket = tls === undefined ? connectPlain(options) : connectTls({ ...options, ...tls })
    this.socket = socket
    const timer = clock.after(connectTimeoutMs, () => socket.destroy(new Error(`it was not open after ${connectTimeoutMs} ms`)))
    this.connected = new Promise<void>((resolve, reject) => {
      socket.once(tls === undefined ? 'connect' : 'secureConnect', resolve)
      socket.once('error', reject)
      socket.once('close', () => reject(new Error('the broker closed it')))
    }).finally(() => timer.cancel())
    socket.on('error', (error) => this.listener?.ended(error.message, error))
  }

  close(): void {
    this.socket.destroy()
  }

  #received(bytes: number): boolean {
    try {
      this.#assembler.received(bytes)
    } catch (error) {
      if (!(error instanceof FrameError)) throw error
      this.listener?.ended(error.message, error)
    }
    return true
  }
}

/** The message and what it was caused by: some say «Connection error» and keep the reason in `cause`, and an AggregateError in `errors`. */
export function reasonsOf(error: Error): string[] {
  const inner = error.cause ?? (error instanceof AggregateError ? error.errors[0] : undefined)
  return inner instanceof Error ? [error.message, ...reasonsOf(inner)] : [error.message]
}
