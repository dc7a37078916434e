import { useEffect, useState } from 'preact/hooks'

/** @typedef {{ path: string, query: URLSearchParams }} Place */

/** @type {Set<() => void>} */
const listeners = new Set()

/** @returns {Place} */
function here() {
  return { path: location.pathname, query: new URLSearchParams(location.search) }
}

export function usePlace() {
  const [place, setPlace] = useState(here)
  useEffect(() => {
    const moved = () => setPlace(here())
    listeners.add(moved)
    addEventListener('popstate', moved)
    return () => {
      listeners.delete(moved)
      removeEventListener('popstate', moved)
    }
  }, [])
  return place
}

/** @param {string} href @param {{ replace?: boolean }} [options] */
export function go(href, { replace = false } = {}) {
  const isOtherPage = new URL(href, location.href).pathname !== location.pathname
  history[replace ? 'replaceState' : 'pushState'](null, '', href)
  for (const listener of listeners) listener()
  if (isOtherPage) scrollTo(0, 0)
}

/**
 * Links between pages are followed here; those that lead elsewhere, and clicks that want a new tab, are the browser's.
 * @param {(path: string) => boolean} isPage
 */
export function followLinks(isPage) {
  document.addEventListener('click', (event) => {
    const link = event.target instanceof Element ? event.target.closest('a') : null
    if (link === null || event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
    if (link.origin !== location.origin || link.target !== '' || link.hash !== '' || !isPage(link.pathname)) return
    event.preventDefault()
    go(link.pathname + link.search)
  })
}

/** Of a call of the gateway about one trade, with what comes behind the id. The ids `.` and `..` stand in no path. @param {string} tradeId @param {string} [rest] @param {Readonly<Record<string, string>>} [query] */
export function tradeCall(tradeId, rest = '', query = {}) {
  const isDots = tradeId === '.' || tradeId === '..'
  const asked = String(new URLSearchParams({ ...query, ...(isDots && { trade_id: tradeId }) }))
  return `/trades/${isDots ? '_' : encodeURIComponent(tradeId)}${rest}${asked === '' ? '' : `?${asked}`}`
}

/** @param {string} tradeId */
export function tradePath(tradeId) {
  return `/trade?${new URLSearchParams({ id: tradeId })}`
}
