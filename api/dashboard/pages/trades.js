import { useState } from 'preact/hooks'
import { query as queryOf } from '../api.js'
import { useTrades } from '../calls.js'
import { dateTime } from '../format.js'
import { html } from '../html.js'
import { Choice, TextField } from '../parts/field.js'
import { Pager, useCursors } from '../parts/pager.js'
import { Empty, shownOf } from '../parts/states.js'
import { Table } from '../parts/table.js'
import { go, tradePath } from '../router.js'

/** @typedef {import('../answers.ts').Trade} Trade */

const FILTERS = /** @type {const} */ (['book', 'counterparty', 'expired', 'maturity_from', 'maturity_to'])

/** @type {readonly import('../parts/table.js').Column<Trade>[]} */
const COLUMNS = [
  { name: 'Trade', isHeader: true, cell: ({ trade_id: id }) => html`<a class="id" href=${tradePath(id)}>${id}</a>` },
  { name: 'Version', isNumber: true, cell: ({ version }) => version },
  { name: 'Book', cell: ({ book_id: book }) => html`<span class="id">${book}</span>` },
  { name: 'Counterparty', cell: ({ counterparty_id: counterparty }) => html`<span class="id">${counterparty}</span>` },
  { name: 'Matures', cell: ({ maturity_date: day }) => day },
  { name: 'Created', isMinor: true, cell: ({ created_date: day }) => day },
  { name: 'State', cell: ({ expired }) => html`<span class=${`outcome ${expired ? 'quiet' : 'accepted'}`}>${expired ? 'Expired' : 'Live'}</span>` },
  { name: 'Last updated', isMinor: true, cell: ({ last_updated: moment }) => dateTime(moment) },
]

/** One trade by its id, or those of a book, a counterparty, a range of days. @param {{ query: URLSearchParams }} props */
export function Trades({ query }) {
  const filter = Object.fromEntries(FILTERS.map((name) => [name, query.get(name) ?? undefined]))
  const cursors = useCursors(query.toString())
  const trades = useTrades({ ...filter, cursor: cursors.cursor })
  return html`
    <h1>Trades</h1>
    <${SearchById} />
    <${FilterForm} filter=${filter} key=${query.toString()} />
    ${shownOf(trades, 'The list', ({ items, next }) =>
      items.length === 0
        ? html`<${Empty} title="No trade fits"><p>${query.size === 0 ? 'None has been written yet.' : 'Nothing that PostgreSQL has matches this filter.'} <a href="/send">Send a trade</a></p><//>`
        : html`<${Table} caption="Trades by id" columns=${COLUMNS} rows=${items} keyOf=${(/** @type {Trade} */ trade) => trade.trade_id} isStale=${trades.isStale} /><${Pager} cursors=${cursors} next=${next} />`,
    )}
  `
}

function SearchById() {
  const [id, setId] = useState('')
  /** @param {SubmitEvent} event */
  const find = (event) => {
    event.preventDefault()
    if (id !== '') go(tradePath(id))
  }
  return html`
    <form class="search" role="search" onSubmit=${find}>
      <${TextField} name="trade-id" label="Trade id" value=${id} onInput=${setId} maxlength="50" required=${true} placeholder="T1" />
      <button class="primary" type="submit">Show its whole story</button>
    </form>
  `
}

/** @param {{ filter: Readonly<Record<string, string | undefined>> }} props */
function FilterForm({ filter }) {
  const [fields, setFields] = useState(filter)
  /** @param {string} name @returns {(value: string) => void} */
  const set = (name) => (value) => setFields((before) => ({ ...before, [name]: value }))
  /** @param {SubmitEvent} event */
  const apply = (event) => {
    event.preventDefault()
    go(`/trades${queryOf(fields)}`)
  }
  return html`
    <form class="filters" aria-label="Filter" onSubmit=${apply}>
      <${TextField} name="book" label="Book" value=${fields['book'] ?? ''} onInput=${set('book')} maxlength="50" />
      <${TextField} name="counterparty" label="Counterparty" value=${fields['counterparty'] ?? ''} onInput=${set('counterparty')} maxlength="50" />
      <${TextField} name="maturity-from" label="Matures from" placeholder="2026-12-11" pattern="\\d{4}-\\d{2}-\\d{2}" title="YYYY-MM-DD" value=${fields['maturity_from'] ?? ''} onInput=${set('maturity_from')} />
      <${TextField} name="maturity-to" label="Matures to" placeholder="2027-12-31" pattern="\\d{4}-\\d{2}-\\d{2}" title="YYYY-MM-DD" value=${fields['maturity_to'] ?? ''} onInput=${set('maturity_to')} />
      <${Choice}
        name="expired"
        label="State"
        value=${fields['expired'] ?? ''}
        options=${[
          ['', 'Live and expired'],
          ['false', 'Live'],
          ['true', 'Expired'],
        ]}
        onInput=${set('expired')}
      />
      <div class="actions"><button type="submit">Apply</button>${Object.values(filter).some((value) => value !== undefined) && html`<a href="/trades">Clear</a>`}</div>
    </form>
  `
}
