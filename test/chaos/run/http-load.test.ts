import { setImmediate as turn } from 'node:timers/promises'
import { afterEach, expect, test, vi } from 'vitest'
import { topicsInMemory } from '../../support/topics-in-memory.ts'
import { HttpLoad } from './http-load.ts'

const AUDIT = 'trade.audit'
const TRADES = 12

afterEach(() => vi.unstubAllGlobals())

/** A gateway that takes each trade, and knows of none until `TRADES` are taken; then what `statusOf` says. The most that were asked for at a time, and the trades themselves. */
async function loadThrough(statusOf: (requestId: string) => string) {
  const enough = new AbortController()
  const asked = new Set<string>()
  let asking = 0
  let most = 0
  const answer = async (url: string, request: RequestInit = {}): Promise<Response> => {
    if (url.endsWith('/expire-trades')) return Response.json({ expired: 0 })
    if (request.method === 'POST') {
      if (load.begun === TRADES) enough.abort()
      return Response.json({ request_id: new Headers(request.headers).get('idempotency-key') }, { status: 202 })
    }
    const id = url.slice(url.lastIndexOf('/') + 1)
    asked.add(id)
    most = Math.max(most, ++asking)
    await turn()
    asking--
    return enough.signal.aborted ? new Response(`{"status":"${statusOf(id)}"}`) : Response.json({ status: 'PENDING' })
  }
  vi.stubGlobal('fetch', answer)
  const load = new HttpLoad('http://gateway', () => turn())
  await load.run(enough.signal)
  const audits = [...load.accepted].map((key) => ({ key, value: '{"outcome":"CREATED"}' }))
  return { load, asked, most, check: await load.check(topicsInMemory({ [AUDIT]: { partitions: [audits] } }), AUDIT) }
}

test('the gateway is asked for the outcome of every trade that it took, also of those that came while it knew of none, and of few at a time', async () => {
  const { load, asked, most, check } = await loadThrough(() => 'SUCCESS')
  expect([...asked].toSorted()).toEqual([...load.accepted].toSorted())
  expect(load.report).toMatchObject({ accepted: TRADES, settled: TRADES })
  expect([load.settledUpTo, most]).toEqual([TRADES - 1, 5])
  expect(check).toMatchObject({ held: true })
})

test('a trade that was asked for in the end only, and of which the gateway does not say that it succeeded, is found', async () => {
  const { load, check } = await loadThrough((id) => (id === `HTTP-${TRADES - 2}` ? 'FAILED' : 'SUCCESS'))
  expect(load.report.settled).toBe(TRADES - 1)
  expect(check.held).toBe(false)
  expect(check.detail).toContain(`trade HTTP-${TRADES - 2} was taken, and the gateway does not say that it succeeded: 200 {"status":"FAILED"}`)
})

test('trades of which the gateway has said nothing are found', async () => {
  const enough = new AbortController()
  const sent = Promise.withResolvers<void>()
  const load = new HttpLoad('http://gateway', async () => {
    if (load.accepted.size < TRADES) return
    enough.abort()
    sent.resolve()
  })
  vi.stubGlobal('fetch', async (_url: string, { method }: RequestInit = {}) => (method === 'POST' ? Response.json({ request_id: 'r' }, { status: 202 }) : new Promise(() => {})))
  void load.run(enough.signal)
  await sent.promise
  const audits = [...load.accepted].map((key) => ({ key, value: '{"outcome":"CREATED"}' }))
  const { held, detail } = await load.check(topicsInMemory({ [AUDIT]: { partitions: [audits] } }), AUDIT)
  expect([held, load.report.settled]).toEqual([false, 0])
  expect(detail).toContain('trade HTTP-0 was taken, and the gateway does not say that it succeeded: nothing yet')
  expect(detail).toContain(`${TRADES} differences`)
})
