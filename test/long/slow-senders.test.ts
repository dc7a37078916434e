import { connect, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { brokersOfRun, TradeEnvironment } from '../support/trade-environment.ts'

const SENDERS = 300
const DRIP_MS = 1_000
/** Of the gateway: 10 s for headers and 30 s for a body, looked at each 30 s. */
const CUT_OFF_MS = 75_000
/** Of who sends as others do, meanwhile. On a busy machine it takes its time, but it does not wait for them. */
const PROMPT_MS = 5_000

describe.skipIf(brokersOfRun === undefined)('hundreds who send a byte a second', { timeout: 180_000 }, () => {
  let environment: TradeEnvironment
  let url = ''

  beforeAll(async () => {
    environment = await TradeEnvironment.create({ settings: { 'topics.partitions': '2' } })
    url = await environment.listening(environment.gateway())
  }, 120_000)
  afterAll(() => environment.close())

  test.each([
    ['headers without an end', 'POST /api/v1/trades HTTP/1.1\r\nhost: x\r\nx-slow: '],
    ['a body without an end', 'POST /api/v1/trades HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100000\r\n\r\n'],
  ])('%s: each is told that it is too slow, and cut off; nobody else waits for them', async (_, head) => {
    const { hostname, port } = new URL(url)
    const senders = Array.from({ length: SENDERS }, () => new SlowSender(connect(Number(port), hostname), head))
    onTestFinished(() => {
      for (const sender of senders) sender.close()
    })
    const startMs = performance.now()
    let slowestMs = 0
    while (senders.some(({ isEnded }) => !isEnded) && performance.now() - startMs < CUT_OFF_MS) {
      const askedMs = performance.now()
      expect((await fetch(`${url}/livez`)).status).toBe(200)
      slowestMs = Math.max(slowestMs, performance.now() - askedMs)
      for (const sender of senders) sender.drip()
      await new Promise((resolve) => setTimeout(resolve, DRIP_MS))
    }
    const ended = senders.filter(({ isEnded }) => isEnded)
    const told = senders.filter(({ answer }) => /^HTTP\/1.1 408 .*application\/problem\+json.*urn:tradewind:problem:too-slow/s.test(answer))
    expect([ended.length, told.length]).toEqual([SENDERS, SENDERS])
    expect(slowestMs).toBeLessThan(PROMPT_MS)
  })
})

class SlowSender {
  answer = ''
  isEnded = false
  readonly #socket: Socket

  constructor(socket: Socket, head: string) {
    this.#socket = socket
    socket.setEncoding('utf8').on('data', (text: string) => {
      this.answer += text
    })
    // Who is cut off while he sends may learn it as an error.
    socket.on('error', () => {})
    socket.on('close', () => {
      this.isEnded = true
    })
    socket.write(head)
  }

  drip(): void {
    if (this.#socket.writable) this.#socket.write('a')
  }

  close(): void {
    this.#socket.destroy()
  }
}
