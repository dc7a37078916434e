import { useState } from 'preact/hooks'
import { query as queryOf } from '../api.js'
import { useAudit } from '../calls.js'
import { count, dateTime } from '../format.js'
import { html } from '../html.js'
import { useFollowed } from '../live-events.js'
import { Choice, TextField } from '../parts/field.js'
import { Outcome, OUTCOMES, outcomeName } from '../parts/outcome.js'
import { Pager, useCursors } from '../parts/pager.js'
import { Empty, shownOf } from '../parts/states.js'
import { Table } from '../parts/table.js'
import { go, tradePath } from '../router.js'

/** @typedef {import('../answers.ts').AuditEntry} AuditEntry */
/** @typedef {Readonly<Record<string, string | undefined>>} Filter */

const FILTERS = /** @type {const} */ (['trade_id', 'outcome', 'status', 'action', 'from', 'to'])
const ACTIONS = ['CREATE', 'UPDATE', 'DELETE', 'EXPIRE', 'VALIDATION_FAILED']
/** As the table shows it, so that it can be copied from there. */
const MOMENT = { placeholder: '2026-12-11 03:00', pattern: '\\d{4}-\\d{2}-\\d{2}( \\d{2}:\\d{2}(:\\d{2}(\\.\\d{1,3})?)?)?', title: 'YYYY-MM-DD, or YYYY-MM-DD hh:mm, with seconds where they matter' }

/** @type {readonly import('../parts/table.js').Column<AuditEntry>[]} */
const COLUMNS = [
  { name: 'Time', cell: ({ timestamp }) => html`<time datetime=${timestamp}>${dateTime(timestamp)}</time>` },
  { name: 'Trade', isHeader: true, cell: ({ trade_id: id }) => (id === null ? html`<i>not readable</i>` : id === '' ? html`<i>empty</i>` : html`<a class="id" href=${tradePath(id)}>${id}</a>`) },
  { name: 'Version', isNumber: true, cell: ({ version }) => version ?? '–' },
  { name: 'Outcome', cell: ({ outcome }) => html`<${Outcome} of=${outcome} />` },
  { name: 'Reason', className: 'prose', cell: ({ reason }) => reason ?? '' },
  { name: 'Business date', isMinor: true, cell: ({ business_date: day }) => day },
  { name: 'Source', isMinor: true, cell: ({ source }) => (source === null ? '' : html`<span title=${`${source.topic}, partition ${source.partition}, offset ${source.offset}`}>${source.partition}:${count(source.offset)}</span>`) },
]

/** One entry for every record that came in, and one for every expiry. @param {{ query: URLSearchParams }} props */
export function Audit({ query }) {
  const [isFollowing, setFollowing] = useState(false)
  /** @type {Filter} */
  const filter = Object.fromEntries(FILTERS.map((name) => [name, query.get(name) ?? undefined]))
  return html`
    <div class="title">
      <h1>Audit</h1>
      <button type="button" onClick=${() => setFollowing(!isFollowing)}>${isFollowing ? 'Stop following' : 'Follow live'}</button>
    </div>
    <${FilterForm} filter=${filter} key=${query.toString()} />
    ${isFollowing ? html`<${Followed} filter=${filter} />` : html`<${Kept} filter=${filter} list=${query.toString()} />`}
  `
}

/** What MongoDB has. @param {{ filter: Filter, list: string }} props */
function Kept({ filter, list }) {
  const cursors = useCursors(list)
  const audit = useAudit({ ...filter, cursor: cursors.cursor })
  return shownOf(audit, 'The audit log', ({ items, next }) =>
    items.length === 0
      ? html`<${Empty} title="No entry fits"><p>${list === '' ? 'Nothing was judged yet.' : 'Nothing that is kept matches this filter. Entries are kept for 90 days.'}</p><//>`
      : html`<${Table} caption="Audit entries, the newest first" columns=${COLUMNS} rows=${items} keyOf=${(/** @type {AuditEntry} */ entry) => entry.id} isStale=${audit.isStale} /><${Pager} cursors=${cursors} next=${next} />`,
  )
}

/** What is committed now, without the way over MongoDB. @param {{ filter: Filter }} props */
function Followed({ filter: { trade_id: tradeId, outcome, status, action } }) {
  const { entries, dropped } = useFollowed({ trade_id: tradeId, outcome })
  const shown = entries.filter((entry) => (status === undefined || entry.status === status) && (action === undefined || entry.action === action))
  return html`
    <p class="origin">The newest ${count(shown.length)}, as they are committed.${dropped > 0 && ` ${count(dropped)} came too fast for this window and were left out.`}</p>
    ${
      shown.length === 0
        ? html`<${Empty} title="Waiting for the next entry"><p>Nothing that fits was committed since you began to follow.</p><//>`
        : html`<${Table} caption="Audit entries as they are committed, the newest first" columns=${COLUMNS} rows=${shown} keyOf=${(/** @type {AuditEntry} */ entry) => entry.id} />`
    }
  `
}

/** @param {{ filter: Filter }} props */
function FilterForm({ filter }) {
  const [fields, setFields] = useState(/** @type {Filter} */ ({ ...filter, from: shownMoment(filter['from']), to: shownMoment(filter['to']) }))
  /** @param {string} name @returns {(value: string) => void} */
  const set = (name) => (value) => setFields((before) => ({ ...before, [name]: value }))
  /** @param {SubmitEvent} event */
  const apply = (event) => {
    event.preventDefault()
    go(`/audit${queryOf({ ...fields, from: momentOf(fields['from'] ?? ''), to: momentOf(fields['to'] ?? '') })}`)
  }
  const { trade_id: tradeId = '', outcome = '', status = '', action = '', from = '', to = '' } = fields
  return html`
    <form class="filters" aria-label="Filter" onSubmit=${apply}>
      <${TextField} name="trade-id" label="Trade id" value=${tradeId} onInput=${set('trade_id')} maxlength="50" />
      <${Choice} name="outcome" label="Outcome" value=${outcome} options=${[['', 'Any'], ...OUTCOMES.map((one) => [one, outcomeName(one)])]} onInput=${set('outcome')} />
      <${Choice} name="status" label="Status" value=${status} options=${[['', 'Any'], ['success', 'Success'], ['failed', 'Failed']]} onInput=${set('status')} />
      <${Choice} name="action" label="Action" value=${action} options=${[['', 'Any'], ...ACTIONS.map((one) => [one, one.toLowerCase().replace('_', ' ')])]} onInput=${set('action')} />
      <${TextField} name="from" label="From" value=${from} onInput=${set('from')} ...${MOMENT} />
      <${TextField} name="to" label="To" value=${to} onInput=${set('to')} ...${MOMENT} />
      <div class="actions"><button type="submit">Apply</button>${Object.values(filter).some((value) => value !== undefined) && html`<a href="/audit">Clear</a>`}</div>
    </form>
  `
}

/** What the field takes, of what the call takes; and back. @param {string | undefined} moment */
function shownMoment(moment) {
  return moment?.replace('T', ' ').replace(/(:00(\.000)?)?Z$/, '') ?? ''
}

/** @param {string} text */
function momentOf(text) {
  const [day = '', time = '00:00'] = text.trim().split(' ')
  return day === '' ? undefined : `${day}T${time.length === 5 ? `${time}:00` : time}Z`
}
