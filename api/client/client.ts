import { OPERATIONS, type Operations } from './operations.ts'

export type { Operations } from './operations.ts'

export type OperationName = keyof Operations
/** What a call takes: its parameters by place, and its body. */
export type RequestOf<Name extends OperationName> = Operations[Name]['request']
/** What a call is answered with: the status says which body it is. */
export type AnswerOf<Name extends OperationName> = { [Status in keyof Operations[Name]['answers']]: { readonly status: Status; readonly body: Operations[Name]['answers'][Status]; readonly headers: Headers } }[keyof Operations[Name]['answers']]

export interface TradewindClientOptions {
  /** Of a gateway, for instance `http://127.0.0.1:8080`. */
  readonly baseUrl: string
  /** Go with every call, for instance an authorisation. */
  readonly headers?: Readonly<Record<string, string>>
  /** Default: that of the platform. */
  readonly fetch?: typeof fetch
}

/** An event of the live feed. `data` is JSON, as the gateway sent it. */
export interface FeedEvent {
  readonly event: string
  readonly data: string
}

/** An answer that no documented one is: something between here and the gateway has spoken, or the gateway is of another release. */
export class UnexpectedAnswerError extends Error {
  override readonly name = 'UnexpectedAnswerError'
  readonly status: number

  constructor(status: number, body: string) {
    super(`found an answer ${status} that is not documented: ${body.slice(0, 200)}`)
    this.status = status
  }
}

interface AnyRequest {
  readonly path?: Readonly<Record<string, string>>
  readonly query?: Readonly<Record<string, unknown>>
  readonly header?: Readonly<Record<string, string | undefined>>
  readonly body?: unknown
}

const DEFAULT_RETRY_MS = 2_000

/**
 * The calls of a gateway, typed.
 *
 * ```
 * const client = new TradewindClient({ baseUrl: 'http://127.0.0.1:8080' })
 * const answer = await client.call('postTrade', { body: trade, header: { prefer: 'wait=2' } })
 * if (answer.status === 201) console.log(answer.body.outcome)
 * ```
 */
export class TradewindClient {
  readonly #options: TradewindClientOptions
  readonly #fetch: typeof fetch

  constructor(options: TradewindClientOptions) {
    this.#options = options
    this.#fetch = options.fetch ?? fetch
  }

  /** Problems are answers, too. @throws UnexpectedAnswerError, or what `fetch` throws where the gateway cannot be reached */
  async call<Name extends Exclude<OperationName, 'streamEvents'>>(name: Name, request: RequestOf<Name>, options: { readonly signal?: AbortSignal } = {}): Promise<AnswerOf<Name>> {
    const { method, path } = OPERATIONS[name]
    // Every request type has these members at most.
    const { body, header, ...place } = request as AnyRequest
    const answer = await this.#fetch(this.#url(path, place), {
      method,
      headers: this.#headers({ ...(body !== undefined && { 'content-type': 'application/json' }), ...header }),
      ...(body !== undefined && { body: JSON.stringify(body) }),
      ...(options.signal !== undefined && { signal: options.signal }),
    })
    const text = await answer.text()
    const type = answer.headers.get('content-type') ?? ''
    if (!/^application\/(problem\+)?json\b/.test(type)) throw new UnexpectedAnswerError(answer.status, text)
    // The status says which of the documented answers it is; a test holds the documents against the gateway.
    return { status: answer.status, body: JSON.parse(text), headers: answer.headers } as unknown as AnswerOf<Name>
  }

  /** The live feed, until `signal` is aborted. Where the connection ends it is made again, and goes on behind the last event. @throws UnexpectedAnswerError where the gateway refuses it */
  async *events(request: RequestOf<'streamEvents'>, { signal }: { readonly signal: AbortSignal }): AsyncGenerator<FeedEvent, void> {
    let lastId: string | undefined
    let retryMs = DEFAULT_RETRY_MS
    const { query } = request
    while (!signal.aborted) {
      const headers = this.#headers({ accept: 'text/event-stream', ...(lastId !== undefined && { 'last-event-id': lastId }) })
      // A gateway that cannot be reached is tried again, as one that answers 503.
      const answer = await this.#fetch(this.#url(OPERATIONS.streamEvents.path, { ...(query && { query }) }), { headers, signal }).catch(() => undefined)
      if (answer !== undefined && answer.status !== 200 && answer.status !== 503) throw new UnexpectedAnswerError(answer.status, await answer.text())
      if (answer?.status === 200) {
        for await (const { event, data, id, retry } of framesOf(answer)) {
          lastId = id ?? lastId
          retryMs = retry ?? retryMs
          if (data !== undefined) yield { event, data }
        }
      }
      await pause(retryMs, signal)
    }
  }

  #url(path: string, { path: parts = {}, query = {} }: Pick<AnyRequest, 'path' | 'query'>): URL {
    const url = new URL(path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(parts[name] ?? '')), this.#options.baseUrl)
    for (const [name, value] of Object.entries(query)) for (const one of Array.isArray(value) ? value : [value]) if (one !== undefined) url.searchParams.append(name, String(one))
    return url
  }

  #headers(more: Readonly<Record<string, string | undefined>>): Record<string, string> {
    const all = Object.entries({ ...this.#options.headers, ...more })
    return Object.fromEntries(all.filter((entry): entry is [string, string] => entry[1] !== undefined))
  }
}

interface Frame {
  readonly event: string
  readonly data: string | undefined
  readonly id: string | undefined
  readonly retry: number | undefined
}

/** A connection that breaks ends the frames. */
async function* framesOf(answer: Response): AsyncGenerator<Frame, void> {
  const decoder = new TextDecoder()
  let rest = ''
  try {
    for await (const chunk of answer.body ?? []) {
      const frames = (rest + decoder.decode(chunk, { stream: true })).split('\n\n')
      rest = frames.pop() ?? ''
      for (const frame of frames) yield frameOf(frame)
    }
  } catch {
    // Whoever reads on makes a new connection.
  }
}

function frameOf(text: string): Frame {
  const values = (name: string) => text.split('\n').flatMap((line) => (line.startsWith(`${name}:`) ? [line.slice(name.length + 1).replace(/^ /, '')] : []))
  const [event = 'message'] = values('event')
  const [id] = values('id')
  const [retry] = values('retry')
  const data = values('data')
  return { event, data: data.length === 0 ? undefined : data.join('\n'), id, retry: retry === undefined ? undefined : Number(retry) }
}

function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve()
    const end = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, delayMs)
    signal.addEventListener('abort', end)
  })
}
