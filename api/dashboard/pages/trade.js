import { useMemo, useRef, useState } from 'preact/hooks'
import { Problem } from '../api.js'
import { useTimeline } from '../calls.js'
import { difference, fieldsOf, shown } from '../difference.js'
import { count, dateTime } from '../format.js'
import { html } from '../html.js'
import { useLiveEvents } from '../live-events.js'
import { Outcome } from '../parts/outcome.js'
import { Empty, shownOf } from '../parts/states.js'

/** @typedef {import('../answers.ts').Timeline} Timeline */
/** @typedef {import('../answers.ts').TimelineEvent} TimelineEvent */
/** @typedef {import('../answers.ts').Trade} StoredTrade */

/** Several events come with one change: one look for all of them. */
const SETTLE_MS = 400
/** Told elsewhere in an entry. */
const TOLD = new Set(['id', 'kind', 'timestamp', 'trade_id', 'outcome', 'reason', 'version', 'source', 'request_id', 'action', 'status', 'details', 'business_date', 'event_type', 'severity', 'data', 'links', 'trace_id'])

/** The support desk's question: what became of this trade. @param {{ query: URLSearchParams }} props */
export function Trade({ query }) {
  const tradeId = query.get('id') ?? ''
  return html`
    <p class="crumb"><a href="/trades">Trades</a></p>
    <h1><span class="unseen">Trade </span><span class="id">${tradeId}</span></h1>
    ${tradeId === '' ? html`<${Empty} title="No trade id given"><p><a href="/trades">Search for a trade</a></p><//>` : html`<${Story} tradeId=${tradeId} key=${tradeId} />`}
  `
}

/** @param {{ tradeId: string }} props */
function Story({ tradeId }) {
  const timeline = useTimeline(tradeId)
  const timer = useRef(/** @type {ReturnType<typeof setTimeout> | undefined} */ (undefined))
  useLiveEvents({ trade_id: tradeId }, () => {
    clearTimeout(timer.current)
    timer.current = setTimeout(timeline.refresh, SETTLE_MS)
  })
  if (timeline.data === undefined && timeline.error instanceof Problem && timeline.error.status === 404) {
    return html`<${Empty} title="Nothing is known of this trade"><p>No state, no version, no audit entry. Ids are compared as they are: case and blanks count.</p><p><a href="/send">Send a trade</a></p><//>`
  }
  return shownOf(
    timeline,
    'The timeline',
    (data) => {
      const cut = [data.truncated.audit && 'audit entries', data.truncated.states && 'states', data.truncated.events && 'events'].filter((name) => name !== false)
      return html`
      <${State} timeline=${data} />
      <div class="columns story">
        <section aria-labelledby="events">
          <h2 id="events">What happened <span>the newest first</span></h2>
          ${cut.length > 0 && html`<p class="note warn">There is more than can be shown: of the ${cut.join(', of the ')} only the newest are here.</p>`}
          ${data.events.length === 0 ? html`<p class="nothing">No entries are kept: they end after 90 days.</p>` : html`<ol class="timeline">${data.events.toReversed().map((event) => html`<${Event} event=${event} key=${`${event.kind} ${event.id}`} />`)}</ol>`}
        </section>
        <section aria-labelledby="versions">
          <h2 id="versions">Versions <span>and what changed with each</span></h2>
          <${Versions} versions=${data.versions} isTruncated=${data.truncated.versions} />
        </section>
      </div>
    `
    },
  )
}

/** @param {{ timeline: Timeline }} props */
function State({ timeline: { state, repair_case: repairCase, row, events } }) {
  return html`
    <section aria-labelledby="now">
      <h2 id="now">Now <span>from the state store of its owner</span></h2>
      ${
        state === null
          ? html`<p class="nothing">${events.some((event) => event['outcome'] === 'DELETED') ? 'Deleted: the store has no such trade.' : 'The store has no such trade.'}</p>`
          : html`<dl class="facts wide">${fieldsOf(state)
              .filter(([field]) => field !== 'trade_id')
              .map(([field, value]) => html`<div><dt>${field}</dt><dd>${field === 'last_updated' ? dateTime(String(value)) : shown(value)}</dd></div>`)}</dl>`
      }
      ${row !== null && html`<p class="origin">PostgreSQL has version ${row.trade.version}${row.deleted && ', deleted'}, of trade.processed, partition ${row.partition}, offset ${count(row.offset)}.</p>`}
      ${repairCase !== null && html`<p class="note warn"><strong>A repair case is open.</strong> ${String(repairCase['reason'] ?? repairCase['outcome'] ?? '')} The next record of this trade that is accepted closes it.</p>`}
    </section>
  `
}

/** @param {{ event: TimelineEvent }} props */
function Event({ event }) {
  const source = /** @type {import('../answers.ts').AuditEntry['source'] | undefined} */ (event['source'])
  const rest = Object.fromEntries(Object.entries(event).filter(([field]) => !TOLD.has(field)))
  return html`
    <li data-kind=${event.kind}>
      <p class="event-head">
        <time datetime=${event.timestamp}>${dateTime(event.timestamp)}</time>
        ${event.kind === 'audit' && html`<${Outcome} of=${String(event['outcome'])} />`}
        ${event.kind === 'state' && html`<span class="outcome quiet">${event['deleted'] === true ? 'State removed' : `New state, version ${shown(event['version']) ?? '?'}`}</span>`}
        ${event.kind === 'event' && html`<span class="outcome quiet">${String(event['event_type'] ?? 'event')}</span>`}
        ${event.kind === 'audit' && typeof event['version'] === 'number' && html`<span>version ${event['version']}</span>`}
      </p>
      ${typeof event['reason'] === 'string' && html`<p>${event['reason']}</p>`}
      ${source !== undefined && source !== null && html`<p class="origin">${source.topic}, partition ${source.partition}, offset ${count(source.offset)}</p>`}
      ${typeof event['request_id'] === 'string' && html`<p class="origin">request <span class="id">${event['request_id']}</span></p>`}
      ${event.links.dead_letter !== undefined && html`<p class="origin"><a href=${`/dead-letters?id=${event.links.dead_letter.split('/').at(-1)}`}>The dead letter</a>${typeof reasonOf(event) === 'string' && html`: ${reasonOf(event)}`}</p>`}
      ${event.trace_id !== undefined && html`<p class="origin">trace ${event.links.trace === undefined ? html`<span class="id">${event.trace_id}</span>` : html`<a class="id" href=${event.links.trace} target="_blank" rel="noreferrer">${event.trace_id}</a>`}</p>`}
      ${
        (Object.keys(rest).length > 0 || event['data'] !== undefined || hasDetails(event['details'])) &&
        html`<details><summary>Details</summary><pre>${JSON.stringify({ ...rest, ...(hasDetails(event['details']) && { details: event['details'] }), ...(event['data'] !== undefined && { data: event['data'] }) }, undefined, 2)}</pre></details>`
      }
    </li>
  `
}

/** Why there is a dead letter. @param {TimelineEvent} event */
function reasonOf({ data }) {
  return typeof data === 'object' && data !== null && 'message' in data ? data.message : undefined
}

/** @param {unknown} details */
function hasDetails(details) {
  return typeof details === 'object' && details !== null && Object.keys(details).length > 0
}

/** @param {{ versions: readonly StoredTrade[], isTruncated: boolean }} props */
function Versions({ versions, isTruncated }) {
  const [all, setAll] = useState(false)
  const steps = useMemo(
    () => versions.map((version, n) => ({ version, changes: difference(/** @type {Record<string, unknown> | undefined} */ (/** @type {unknown} */ (versions[n - 1])), /** @type {Record<string, unknown>} */ (/** @type {unknown} */ (version))).filter(({ field }) => field !== 'version') })).toReversed(),
    [versions],
  )
  if (steps.length === 0) return html`<p class="nothing">PostgreSQL has no version of it: none was ever accepted, or the sink is behind.</p>`
  const LIMIT = 20
  return html`
    <ol class="versions">
      ${(all ? steps : steps.slice(0, LIMIT)).map(
        ({ version, changes }, n) => html`
          <li key=${version.version}>
            <p class="event-head"><strong>Version ${version.version}</strong><time datetime=${version.last_updated}>${dateTime(version.last_updated)}</time></p>
            ${
              changes.length > 0
                ? html`
                    <table class="changes">
                      <caption class="unseen">Changed with version ${version.version}</caption>
                      ${changes.map(
                        ({ field, from, to }) => html`
                          <tr><th scope="row">${field}</th><td>${from === undefined ? html`<i>not there</i>` : html`<del>${from}</del>`}</td><td>${to === undefined ? html`<i>not there</i>` : html`<ins>${to}</ins>`}</td></tr>
                        `,
                      )}
                    </table>
                  `
                : html`<p class="origin">${n === steps.length - 1 ? (isTruncated ? 'The oldest that is shown: there are earlier ones.' : 'The first one.') : 'Nothing but its number.'}</p>`
            }
            <details><summary>Whole content</summary><pre>${JSON.stringify(version, undefined, 2)}</pre></details>
          </li>
        `,
      )}
    </ol>
    ${steps.length > LIMIT && !all && html`<button type="button" onClick=${() => setAll(true)}>Show all ${count(steps.length)}</button>`}
  `
}
