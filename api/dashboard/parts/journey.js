import { useEffect, useRef, useState } from 'preact/hooks'
import { get, Problem } from '../api.js'
import { fieldsOf, shown } from '../difference.js'
import { milliseconds } from '../format.js'
import { html } from '../html.js'
import { tradeCall, tradePath } from '../router.js'
import { Outcome } from './outcome.js'

/** @typedef {import('../answers.ts').RequestStatus} RequestStatus */
/** @typedef {import('../answers.ts').Trade} Trade */
/** @typedef {{ requestId: string, tradeId: string, version: number | undefined, startMs: number }} Followed version: undefined: not known, so no row is waited for */
/**
 * How far a request is, each step with when it was seen.
 *
 *   written ──► judged ──► row there
 *      │           └─────► no row (refused, a duplicate, a delete)
 *      └──► failed: something could not be asked
 *
 * @typedef {{ followed: Followed, writtenMs: number, judged?: { atMs: number, status: RequestStatus }, row?: { atMs: number, trade: Trade | undefined }, failure?: string }} JourneyState
 */

/** The answer is held that long, then asked for again. */
const HOLD_S = 10
const GIVE_UP_MS = 60_000
const ROW_PAUSE_MS = 150
/** Those that change the row. */
const WRITES_ROW = new Set(['CREATED', 'UPDATED', 'REPLACED'])

/** Follows one request at a time; another one takes its place. */
export function useJourney() {
  const [state, setState] = useState(/** @type {JourneyState | undefined} */ (undefined))
  const running = useRef(/** @type {AbortController | undefined} */ (undefined))
  useEffect(() => () => running.current?.abort(), [])
  /** @param {Followed} followed */
  const follow = (followed) => {
    running.current?.abort()
    const abort = new AbortController()
    running.current = abort
    const elapsedMs = () => performance.now() - followed.startMs
    setState({ followed, writtenMs: elapsedMs() })
    /** @param {Partial<JourneyState>} more */
    const tell = (more) => {
      if (!abort.signal.aborted) setState((before) => before && { ...before, ...more })
    }
    void travel(followed, abort.signal, elapsedMs, tell).catch((error) => tell({ failure: error instanceof Error ? error.message : String(error) }))
  }
  return { state, follow }
}

/** @param {Followed} followed @param {AbortSignal} signal @param {() => number} elapsedMs @param {(more: Partial<JourneyState>) => void} tell */
async function travel(followed, signal, elapsedMs, tell) {
  const status = await outcomeOf(followed.requestId, signal, elapsedMs)
  tell({ judged: { atMs: elapsedMs(), status } })
  if (!WRITES_ROW.has(status.outcome ?? '')) return
  const trade = await rowOf({ ...followed, tradeId: status.trade_id ?? followed.tradeId }, status.version ?? followed.version, signal, elapsedMs)
  tell({ row: { atMs: elapsedMs(), trade } })
}

/** @param {string} requestId @param {AbortSignal} signal @param {() => number} elapsedMs @returns {Promise<RequestStatus>} */
async function outcomeOf(requestId, signal, elapsedMs) {
  for (;;) {
    const found = /** @type {RequestStatus} */ (await get(`/requests/${encodeURIComponent(requestId)}`, { signal, headers: { prefer: `wait=${HOLD_S}` } }))
    if (found.status !== 'PENDING') return found
    if (elapsedMs() > GIVE_UP_MS) throw new Error('Still pending after a minute: no instance of the processor has worked it off. See Groups and lag.')
  }
}

/**
 * The row of this version. The gateway holds the answer until the sinks have what the request wrote.
 * @param {Followed} followed @param {number | undefined} version @param {AbortSignal} signal @param {() => number} elapsedMs
 */
async function rowOf({ requestId, tradeId }, version, signal, elapsedMs) {
  for (;;) {
    const found = await versionsOf(tradeId, version, requestId, signal)
    const trade = found.find((row) => row.version === version)
    if (trade !== undefined) return trade
    if (elapsedMs() > GIVE_UP_MS) throw new Error('The row is not there after a minute: the PostgreSQL sink is behind, paused or away. See Sinks.')
    await new Promise((resolve) => setTimeout(resolve, ROW_PAUSE_MS))
  }
}

/** However many there are, the one that is looked for is the first. @param {string} tradeId @param {number | undefined} version @param {string} requestId @param {AbortSignal} signal @returns {Promise<readonly Trade[]>} */
async function versionsOf(tradeId, version, requestId, signal) {
  try {
    const answer = await get(tradeCall(tradeId, '/versions', { limit: '1', ...(version !== undefined && { from: String(version) }) }), { signal, headers: { consistency: `read-your-write; request=${requestId}` } })
    return /** @type {import('../answers.ts').Listed<Trade>} */ (answer).items
  } catch (error) {
    // Not there yet, or not within the time that the gateway waits.
    if (error instanceof Problem && (error.status === 404 || error.status === 503)) return []
    throw error
  }
}

/** @param {{ journey: JourneyState | undefined }} props */
export function Journey({ journey }) {
  if (journey === undefined) {
    return html`<section class="journey" aria-labelledby="journey"><h2 id="journey">Its way</h2><p class="nothing">What you send is followed here: to Kafka, to the outcome, to the row in PostgreSQL.</p></section>`
  }
  const { followed, writtenMs, judged, row, failure } = journey
  const status = judged?.status
  const hasRow = WRITES_ROW.has(status?.outcome ?? '')
  return html`
    <section class="journey" aria-labelledby="journey">
      <h2 id="journey">Its way <span class="id">${followed.tradeId}</span></h2>
      <div role="status"><ol>
        <${Step} state="done" title="Written to Kafka" atMs=${writtenMs}><p class="origin">request <span class="id">${followed.requestId}</span></p><//>
        <${Step} state=${judged === undefined ? (failure === undefined ? 'now' : 'failed') : 'done'} title=${judged === undefined ? 'PENDING' : html`<${Outcome} of=${status?.outcome ?? 'INVALID'} />`} atMs=${judged?.atMs}>
          ${status?.reason && html`<p>${status.reason}</p>`}
        <//>
        ${
          (judged === undefined || hasRow) &&
          html`
            <${Step} state=${row !== undefined ? 'done' : judged === undefined ? 'later' : failure === undefined ? 'now' : 'failed'} title="Row in PostgreSQL" atMs=${row?.atMs}>
              ${row?.trade !== undefined && html`<${Row} trade=${row.trade} />`}
            <//>
          `
        }
      </ol></div>
      ${failure !== undefined && html`<p class="note bad" role="alert">${failure}</p>`}
      ${judged !== undefined && !hasRow && html`<p class="origin">The row in PostgreSQL stays as it was.</p>`}
      ${judged !== undefined && html`<p><a href=${tradePath(status?.trade_id ?? followed.tradeId)}>The whole story of this trade</a></p>`}
    </section>
  `
}

/** @param {{ state: 'done' | 'now' | 'later' | 'failed', title: unknown, atMs: number | undefined, children?: unknown }} props */
function Step({ state, title, atMs, children }) {
  return html`
    <li class="step" data-state=${state}>
      <p class="event-head"><strong>${title}</strong>${state === 'now' && html`<span>waiting …</span>`}${atMs !== undefined && html`<span class="number">${milliseconds(atMs)}</span>`}</p>
      ${children}
    </li>
  `
}

/** @param {{ trade: Trade }} props */
function Row({ trade }) {
  return html`<dl class="facts">${fieldsOf(trade).map(([field, value]) => html`<div><dt>${field}</dt><dd>${shown(value)}</dd></div>`)}</dl>`
}
