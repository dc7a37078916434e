import { Disconnected, Problem } from '../api.js'
import { html } from '../html.js'

/** What a page shows instead of data: each says what is so, why, and what can be done. */

/** @param {{ what: string }} props */
export function Loading({ what }) {
  return html`<p class="state loading" role="status"><span class="spinner" aria-hidden="true"></span>Loading ${what}</p>`
}

/** @param {{ title: string, children?: unknown }} props */
export function Empty({ title, children }) {
  return html`<div class="state empty"><p class="state-title">${title}</p>${children}</div>`
}

/** @param {{ error: Error, what: string, retry?: () => void }} props */
export function Failed({ error, what, retry }) {
  return html`
    <div class="state failed" role="alert">
      <p class="state-title">${error instanceof Disconnected ? 'The gateway does not answer' : `${what} could not be read`}</p>
      <p>${error instanceof Disconnected ? 'It is asked again every few seconds; this page fills by itself when it is back.' : error.message}</p>
      ${error instanceof Problem && error.body.type !== undefined && html`<p class="state-type">${error.body.type}</p>`}
      ${retry !== undefined && html`<button type="button" onClick=${retry}>Try again</button>`}
    </div>
  `
}

/**
 * The data, or what there is instead of it. Data that was there stays, marked as old.
 * @template Answer
 * @param {import('../poll.js').Polled<Answer>} polled
 * @param {string} what
 * @param {(data: Answer) => unknown} view
 */
export function shownOf(polled, what, view) {
  const { data, error, refresh } = polled
  if (data !== undefined) {
    return html`
      ${error !== undefined && !(error instanceof Disconnected) && html`<p class="old" role="status">${what} could not be read again: ${error.message}. These are the last figures.</p>`}
      ${view(data)}
    `
  }
  return error !== undefined ? html`<${Failed} error=${error} what=${what} retry=${refresh} />` : html`<${Loading} what=${what.toLowerCase()} />`
}
