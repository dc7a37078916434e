import { useEffect, useState } from 'preact/hooks'
import { html } from '../html.js'

/**
 * Pages by cursor: forth with what the page before has said, back by what was remembered.
 * @param {string} list another list begins at its first page
 */
export function useCursors(list) {
  const [pages, setPages] = useState(/** @type {{ list: string, cursors: readonly string[] }} */ ({ list, cursors: [] }))
  useEffect(() => setPages({ list, cursors: [] }), [list])
  const cursors = pages.list === list ? pages.cursors : []
  return {
    cursor: cursors.at(-1),
    page: cursors.length + 1,
    forth: (/** @type {string} */ next) => setPages({ list, cursors: [...cursors, next] }),
    back: () => setPages({ list, cursors: cursors.slice(0, -1) }),
  }
}

/** @param {{ cursors: ReturnType<typeof useCursors>, next: string | null }} props */
export function Pager({ cursors, next }) {
  if (cursors.page === 1 && next === null) return null
  return html`
    <nav class="pager" aria-label="Pages of the list">
      <button type="button" disabled=${cursors.page === 1} onClick=${cursors.back}>Previous</button>
      <span>Page ${cursors.page}</span>
      <button type="button" disabled=${next === null} onClick=${() => next !== null && cursors.forth(next)}>Next</button>
    </nav>
  `
}
