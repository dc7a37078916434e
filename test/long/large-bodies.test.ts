import { readFileSync } from 'node:fs'
import { type ClientRequest, type IncomingMessage, request } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Role } from '../../cli/demo/role.ts'
import type { GatewayStatus } from '../../cli/gateway-status.ts'
import { brokersOfRun, TradeEnvironment } from '../support/trade-environment.ts'

const GIGABYTE = 1_000_000_000
/** What a gateway may take on top of what it has, whatever is sent: less than a third of the body, and as good as nothing for each of many. */
const ROOM_BYTES = 300_000_000
const SAMPLE_MS = 50

describe.skipIf(brokersOfRun === undefined)('a body of a gigabyte', { timeout: 240_000 }, () => {
  let environment: TradeEnvironment
  let gateway: Role<GatewayStatus>
  let url = ''

  beforeAll(async () => {
    environment = await TradeEnvironment.create({ settings: { 'topics.partitions': '2' } })
    gateway = environment.gateway()
    url = await environment.listening(gateway)
    // What it makes once, at the first call of each kind.
    await send('/api/v1/trades', 'application/json', ['{}'])
    await send('/api/v1/trades:batch', 'application/x-ndjson', ['{}\n'])
  }, 120_000)
  afterAll(() => environment.close())

  test('as one trade, with its length said: it is refused before it is sent', async () => {
    const { status, sentBytes, type, grownBytes } = await measured(() => send('/api/v1/trades', 'application/json', pieces(GIGABYTE, filler(65_536)), { 'content-length': String(GIGABYTE), expect: '100-continue' }))
    expect([status, type]).toEqual([413, 'application/problem+json'])
    expect(sentBytes).toBeLessThan(GIGABYTE)
    expect(grownBytes).toBeLessThan(ROOM_BYTES)
  })

  test('as one trade, its length unknown: refused at its first megabyte, and the rest is not kept', async () => {
    const { status, type, grownBytes } = await measured(() => send('/api/v1/trades', 'application/json', pieces(GIGABYTE, filler(65_536))))
    expect([status, type]).toEqual([413, 'application/problem+json'])
    expect(grownBytes).toBeLessThan(ROOM_BYTES)
  })

  test('as a batch of one endless line: refused as soon as the line is too long', async () => {
    const { status, type, grownBytes } = await measured(() => send('/api/v1/trades:batch', 'application/x-ndjson', pieces(GIGABYTE, filler(65_536))))
    expect([status, type]).toEqual([400, 'application/problem+json'])
    expect(grownBytes).toBeLessThan(ROOM_BYTES)
  })

  test('as a batch of lines: each has its answer, and memory stays flat', async () => {
    const line = Buffer.from(`{"trade_id":"T1","note":"${'x'.repeat(16_000)}"}\n`)
    const lines = Math.ceil(GIGABYTE / line.length)
    const startMs = performance.now()
    const { status, type, grownBytes, answered, sentBytes } = await measured(() => send('/api/v1/trades:batch', 'application/x-ndjson', pieces(lines * line.length, line)))
    const seconds = (performance.now() - startMs) / 1_000
    process.stdout.write(`batch of ${lines} lines, ${(sentBytes / 1e6).toFixed(0)} MB in ${seconds.toFixed(1)} s: the gateway grew by ${(grownBytes / 1e6).toFixed(0)} MB at most\n`)
    expect([status, type, sentBytes]).toEqual([207, 'application/x-ndjson', lines * line.length])
    expect(answered).toEqual({ lines, last: expect.stringMatching(new RegExp(`^\\{"index":${lines - 1},"status":400,`)) })
    expect(grownBytes).toBeLessThan(ROOM_BYTES)
    expect((await send('/api/v1/trades', 'application/json', ['{}'])).status).toBe(400)
  })

  /** How much more memory the gateway had at the worst moment than before. */
  async function measured<T>(act: () => Promise<T>): Promise<T & { readonly grownBytes: number }> {
    const before = residentBytes()
    let most = before
    const timer = setInterval(() => {
      most = Math.max(most, residentBytes())
    }, SAMPLE_MS)
    try {
      const result = await act()
      most = Math.max(most, residentBytes())
      return { ...result, grownBytes: most - before }
    } finally {
      clearInterval(timer)
    }
  }

  function residentBytes(): number {
    const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${gateway.pid}/status`, 'utf8'))?.[1]
    if (kilobytes === undefined) throw new Error('the gateway has ended')
    return Number(kilobytes) * 1_024
  }

  interface Sent {
    readonly status: number
    readonly type: string | undefined
    readonly sentBytes: number
    readonly answered: { readonly lines: number; readonly last: string }
  }

  /** Sends as fast as it is taken, reads what is answered meanwhile, and stops where the other side does. */
  function send(path: string, type: string, body: Iterable<string | Buffer>, headers: Record<string, string> = {}): Promise<Sent> {
    return new Promise((resolve, reject) => {
      let sentBytes = 0
      let answer: Omit<Sent, 'sentBytes'> | undefined
      const call: ClientRequest = request(`${url}${path}`, { method: 'POST', headers: { 'content-type': type, ...headers } }, (incoming) => {
        read(incoming).then((found) => {
          answer = found
          resolve({ ...found, sentBytes })
          call.destroy()
        }, reject)
      })
      // Whoever answers and closes cuts off who still sends.
      call.on('error', (error) => {
        if (answer === undefined) reject(error)
      })
      const counted = function* () {
        for (const piece of body) {
          sentBytes += piece.length
          yield piece
        }
      }
      const write = () => void pipeline(Readable.from(counted(), { objectMode: false }), call).catch(() => {})
      if (headers['expect'] === undefined) write()
      else call.once('continue', write)
    })
  }
})

async function read(incoming: IncomingMessage): Promise<{ status: number; type: string | undefined; answered: { lines: number; last: string } }> {
  let lines = 0
  let last = ''
  let tail = ''
  for await (const chunk of incoming.setEncoding('utf8')) {
    const parts = (tail + String(chunk)).split('\n')
    tail = parts.pop() ?? ''
    lines += parts.length
    last = parts.at(-1) ?? last
  }
  return { status: incoming.statusCode ?? 0, type: incoming.headers['content-type'], answered: { lines, last } }
}

function filler(bytes: number): Buffer {
  return Buffer.alloc(bytes, 'x')
}

function* pieces(totalBytes: number, piece: Buffer): Generator<Buffer> {
  for (let left = totalBytes; left > 0; left -= piece.length) yield left < piece.length ? piece.subarray(0, left) : piece
}
