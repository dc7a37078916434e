import { useState } from 'preact/hooks'
import { query as queryOf } from '../api.js'
import { useAudit } from '../calls.js'
import { count, dateTime } from '../format.js'
import { html } from '../html.js'
import { Choice, TextField } from '../parts/field.js'
import { Outcome, OUTCOMES, outcomeName } from '../parts/outcome.js'
import { Pager, useCursors } from '../parts/pager.js'
import { Empty, shownOf } from '../parts/states.js'
import { Table } from '../parts/table.js'
import { go, tradePath } from '../router.js'

/** @typedef {import('../answers.ts').AuditEntry} AuditEntry */

const FILTERS = /** @type {const} */ (['trade_id', 'outcome', 'status', 'action', 'from', 'to'])
const ACTIONS = ['CREATE', 'UPDATE', 'DELETE', 'EXPIRE', 'VALIDATION_FAILED']

/** @type {readonly import('../parts/table.js').Column<AuditEntry>[]} */
const COLUMNS = [
  { name: 'Time', cell: ({ timestamp }) => html`<time datetime=${timestamp}>${dateTime(timestamp)}</time>` },
  { name: 'Trade', isHeader: true, cell: ({ trade_id: id }) => (id === null ? html`<i>not readable</i>` : html`<a class="id" href=${tradePath(id)}>${id}</a>`) },
  { name: 'Version', isNumber: true, cell: ({ version }) => version ?? '–' },
  { name: 'Outcome', cell: ({ outcome }) => html`<${Outcome} of=${outcome} />` },
  { name: 'Reason', className: 'prose', cell: ({ reason }) => reason ?? '' },
  { name: 'Business date', isMinor: true, cell: ({ business_date: day }) => day },
  { name: 'Source', isMinor: true, cell: ({ source }) => (source === null ? '' : html`<span title=${`${source.topic}, partition ${source.partition}, offset ${source.offset}`}>${source.partition}:${count(source.offset)}</span>`) },
]

/** One entry for every record that came in, and one for every expiry. @param {{ query: URLSearchParams }} props */
export function Audit({ query }) {
  const filter = Object.fromEntries(FILTERS.map((name) => [name, query.get(name) ?? undefined]))
  const cursors = useCursors(query.toString())
  const audit = useAudit({ ...filter, cursor: cursors.cursor })
  return html`
    <div class="title">
      <h1>Audit</h1>
      <button type="button" onClick=${audit.refresh}>Look again</button>
    </div>
    <${FilterForm} filter=${filter} key=${query.toString()} />
    ${shownOf(audit, 'The audit log', ({ items, next }) =>
      items.length === 0
        ? html`<${Empty} title="No entry fits"><p>${query.size === 0 ? 'Nothing was judged yet.' : 'Nothing that is kept matches this filter. Entries are kept for 90 days.'}</p><//>`
        : html`<${Table} caption="Audit entries, the newest first" columns=${COLUMNS} rows=${items} keyOf=${(/** @type {AuditEntry} */ entry) => entry.id} isStale=${audit.isStale} /><${Pager} cursors=${cursors} next=${next} />`,
    )}
  `
}

/** @param {{ filter: Readonly<Record<string, string | undefined>> }} props */
function FilterForm({ filter }) {
  const [fields, setFields] = useState({ ...filter, from: minutesOf(filter['from']), to: minutesOf(filter['to']) })
  /** @param {string} name @returns {(value: string) => void} */
  const set = (name) => (value) => setFields((before) => ({ ...before, [name]: value }))
  /** @param {SubmitEvent} event */
  const apply = (event) => {
    event.preventDefault()
    go(`/audit${queryOf({ ...fields, from: momentOf(fields.from), to: momentOf(fields.to) })}`)
  }
  /** @type {Readonly<Record<string, string | undefined>>} */
  const { trade_id: tradeId = '', outcome = '', status = '', action = '', from = '', to = '' } = fields
  return html`
    <form class="filters" aria-label="Filter" onSubmit=${apply}>
      <${TextField} name="trade-id" label="Trade id" value=${tradeId} onInput=${set('trade_id')} maxlength="50" />
      <${Choice} name="outcome" label="Outcome" value=${outcome} options=${[['', 'Any'], ...OUTCOMES.map((one) => [one, outcomeName(one)])]} onInput=${set('outcome')} />
      <${Choice} name="status" label="Status" value=${status} options=${[['', 'Any'], ['success', 'Success'], ['failed', 'Failed']]} onInput=${set('status')} />
      <${Choice} name="action" label="Action" value=${action} options=${[['', 'Any'], ...ACTIONS.map((one) => [one, one.toLowerCase().replace('_', ' ')])]} onInput=${set('action')} />
      <${TextField} name="from" label="From (UTC)" type="datetime-local" value=${from} onInput=${set('from')} />
      <${TextField} name="to" label="To (UTC)" type="datetime-local" value=${to} onInput=${set('to')} />
      <div class="actions"><button type="submit">Apply</button>${Object.values(filter).some((value) => value !== undefined) && html`<a href="/audit">Clear</a>`}</div>
    </form>
  `
}

/** What the field takes, of what the call takes; and back. @param {string | undefined} moment */
function minutesOf(moment) {
  return moment?.replace(/(:\d\d(\.\d+)?)?Z$/, '') ?? ''
}

/** @param {string | undefined} minutes */
function momentOf(minutes) {
  return minutes === undefined || minutes === '' ? undefined : `${minutes.length === 16 ? `${minutes}:00` : minutes}Z`
}
