import { useState } from 'preact/hooks'
import { html } from '../html.js'

/**
 * @template Row
 * @typedef {{ name: string, cell: (row: Row) => unknown, sortBy?: (row: Row) => number | string, isNumber?: boolean, isMinor?: boolean, isHeader?: boolean, className?: string }} Column
 * isMinor: left out where there is little room; isHeader: names its row
 */

/**
 * @template Row
 * @param {{ caption: string, columns: readonly Column<Row>[], rows: readonly Row[], keyOf: (row: Row) => string, sorted?: { by: string, isDescending: boolean }, isStale?: boolean, after?: (row: Row) => unknown }} props
 * after: a row of full width below a row, where there is something to say
 */
export function Table({ caption, columns, rows, keyOf, sorted, isStale = false, after }) {
  const [order, setOrder] = useState(sorted)
  const column = columns.find(({ name }) => name === order?.by)
  const shown = order === undefined || column?.sortBy === undefined ? rows : rows.toSorted(compare(column.sortBy, order.isDescending))
  /** @param {Column<Row>} chosen */
  const sort = ({ name, isNumber = false }) => setOrder((before) => ({ by: name, isDescending: before?.by === name ? !before.isDescending : isNumber }))
  return html`
    <div class="table" role="region" aria-label=${caption} tabindex="0">
      <table data-stale=${isStale}>
        <caption class="unseen">${caption}</caption>
        <thead>
          <tr>
            ${columns.map(
              (one) => html`
                <th scope="col" class=${classOf(one)} aria-sort=${ariaSort(one, order)}>
                  ${one.sortBy === undefined ? one.name : html`<button type="button" onClick=${() => sort(one)}>${one.name}</button>`}
                </th>
              `,
            )}
          </tr>
        </thead>
        <tbody>
          ${shown.map((row) => {
            const more = after?.(row)
            return html`
              <tr key=${keyOf(row)}>
                ${columns.map((one) => (one.isHeader ? html`<th scope="row" class=${classOf(one)}>${one.cell(row)}</th>` : html`<td class=${classOf(one)}>${one.cell(row)}</td>`))}
              </tr>
              ${more !== undefined && more !== false && html`<tr class="after" key=${`${keyOf(row)} after`}><td colspan=${columns.length}>${more}</td></tr>`}
            `
          })}
        </tbody>
      </table>
    </div>
  `
}

/** @param {{ isNumber?: boolean, isMinor?: boolean, className?: string }} column */
function classOf({ isNumber, isMinor, className }) {
  return [isNumber && 'number', isMinor && 'minor', className].filter(Boolean).join(' ') || undefined
}

/** @param {{ name: string, sortBy?: unknown }} column @param {{ by: string, isDescending: boolean } | undefined} order */
function ariaSort({ name, sortBy }, order) {
  if (sortBy === undefined) return undefined
  return order?.by !== name ? 'none' : order.isDescending ? 'descending' : 'ascending'
}

/** @template Row @param {(row: Row) => number | string} valueOf @param {boolean} isDescending @returns {(a: Row, b: Row) => number} */
function compare(valueOf, isDescending) {
  const sign = isDescending ? -1 : 1
  return (a, b) => {
    const [left, right] = [valueOf(a), valueOf(b)]
    return sign * (typeof left === 'number' && typeof right === 'number' ? left - right : String(left).localeCompare(String(right), 'en', { numeric: true }))
  }
}
