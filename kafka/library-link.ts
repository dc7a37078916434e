import { AuthenticationError, Connection as LibraryConnection, type ConnectionOptions as LibraryOptions, ResponseError } from '@platformatic/kafka'
import { FIRST_CORRELATION_ID, type Link, type LinkListener, type LinkOptions, LoginRefusedError, reasonsOf } from './link.ts'
import { FrameAssembler, FrameError } from './protocol/frame-assembler.ts'

export type SaslOptions = NonNullable<LibraryOptions['sasl']>

/**
 * A link that the library connects and logs in, again and again before the credentials end. After connecting we take over
 * its socket: its own framing is quadratic in the number of chunks of a response, its time-out is one for all requests, and its
 * codecs turn error codes into exceptions. Both talk on one socket, told apart by the correlation id.
 *
 * Rejects with `LoginRefusedError` where the broker refuses the credentials.
 */
export async function openLibraryLink(options: LinkOptions & { clientId: string; sasl: SaslOptions }): Promise<Link> {
  const { host, port, clientId, connectTimeoutMs, tls, sasl } = options
  const library = new LibraryConnection(clientId, { connectTimeout: connectTimeoutMs, sasl, ...(tls && { tls }) })
  // without a listener, an 'error' event would end the process
  library.on('error', () => {})
  try {
    await library.connect(host, port)
  } catch (error) {
    // undefined where the library could not even make one
    const socket: LibraryConnection['socket'] | undefined = library.socket
    socket?.destroy()
    if (error instanceof Error && isRefusal(error)) throw new LoginRefusedError(reasonsOf(error).at(-1))
    throw error
  }
  return new LibraryLink(library, options)
}

class LibraryLink implements Link {
  listener: LinkListener | undefined
  readonly #library: LibraryConnection

  constructor(library: LibraryConnection, { memory }: LinkOptions) {
    this.#library = library
    const { socket } = library
    const [libraryListener] = socket.listeners('data')
    const assembler = new FrameAssembler((frame) => {
      if (frame.readInt32BE(0) >= FIRST_CORRELATION_ID) this.listener?.frame(frame)
      else libraryListener?.call(socket, withLength(frame))
    }, memory)
    socket.on('data', (chunk: Buffer) => {
      try {
        assembler.push(chunk)
      } catch (error) {
        if (!(error instanceof FrameError)) throw error
        this.listener?.ended(error.message, error)
      }
    })
    if (libraryListener) socket.removeListener('data', libraryListener)
    library.on('error', (error) => this.listener?.ended(error.message, error))
    library.on('connect', () => this.listener?.released())
  }

  get socket(): LibraryConnection['socket'] {
    return this.#library.socket
  }

  get hold(): boolean {
    return this.#library.status === 'reauthenticating'
  }

  close(): void {
    // stops the library's timer for the next login
    this.#library.close(() => {})
    this.#library.socket.destroy()
  }
}

function withLength(frame: Buffer): Buffer<ArrayBuffer> {
  const whole = Buffer.allocUnsafe(frame.length + 4)
  whole.writeInt32BE(frame.length, 0)
  frame.copy(whole, 4)
  return whole
}

/** The library also says so when the connection ends, or the credentials cannot be had, before the broker has judged them. */
function isRefusal(error: Error): boolean {
  if (!(error instanceof AuthenticationError)) return error.cause instanceof Error && isRefusal(error.cause)
  const { cause } = error
  return cause === undefined || cause instanceof ResponseError || (cause instanceof AuthenticationError && isRefusal(cause))
}
