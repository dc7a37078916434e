import { Agent, request } from 'node:http'

/** Connections to the gateway that stay open, as those of a client library. */
const CONNECTIONS = 64

/** Calls of one gateway. */
export class HttpCalls {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS, scheduling: 'lifo' })
  readonly #address: URL

  constructor(url: string) {
    this.#address = new URL(url)
  }

  /** Answers the status, and where the answer says that what became of it can be found; 0: there was no answer. */
  post(path: string, contentType: string, body: Buffer): Promise<{ readonly status: number; readonly location?: string | undefined }> {
    return this.#call('POST', path, { 'content-type': contentType, 'content-length': body.length }, body)
  }

  /** Answers the status; 0: there was no answer. */
  async get(path: string): Promise<number> {
    return (await this.#call('GET', path, {})).status
  }

  close(): void {
    this.#agent.destroy()
  }

  #call(method: 'GET' | 'POST', path: string, headers: Record<string, string | number>, body?: Buffer): Promise<{ status: number; location?: string | undefined }> {
    const { hostname, port } = this.#address
    return new Promise((resolve) => {
      const call = request({ agent: this.#agent, host: hostname, port, path, method, headers }, (answer) => {
        answer.resume()
        answer.once('end', () => resolve({ status: answer.statusCode ?? 0, location: answer.headers.location }))
        answer.once('error', () => resolve({ status: 0 }))
      })
      call.once('error', () => resolve({ status: 0 }))
      call.end(body)
    })
  }
}

const KEYS = 50_000

/** The trade of call number `n`: each key comes again with the next version. */
export function tradeOf(prefix: string, n: number): { tradeId: string; version: number; body: string } {
  const tradeId = `${prefix}-${n % KEYS}`
  const version = 1 + Math.floor(n / KEYS)
  const body = `{"trade_id":"${tradeId}","version":${version},"counterparty_id":"CP-${n % 4999}","book_id":"BOOK-${n % 197}","maturity_date":"2199-05-20","created_date":"2026-11-02"}`
  return { tradeId, version, body }
}
