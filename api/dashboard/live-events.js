import { useEffect, useRef, useState } from 'preact/hooks'
import { query } from './api.js'

/** @typedef {import('./answers.ts').AuditEntry} AuditEntry */

const AGAIN_MS = 3_000

/**
 * Server-sent events while the page can be seen. The browser connects again by itself, and the gateway goes on where it was.
 * @param {Readonly<Record<string, string | undefined>> | undefined} filter undefined: not connected
 * @param {(event: 'audit' | 'state' | 'dropped', data: Record<string, unknown>) => void} onEvent
 */
export function useLiveEvents(filter, onEvent) {
  const told = useRef(onEvent)
  told.current = onEvent
  const path = filter === undefined ? undefined : `/api/v1/events${query(filter)}`
  useEffect(() => {
    if (path === undefined) return undefined
    /** @type {EventSource | undefined} */
    let source
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer
    let lastId = ''
    const disconnect = () => {
      clearTimeout(timer)
      source?.close()
      source = undefined
    }
    const connect = () => {
      disconnect()
      const own = (source = new EventSource(lastId === '' ? path : `${path}${path.includes('?') ? '&' : '?'}${new URLSearchParams({ last_event_id: lastId })}`))
      for (const name of /** @type {const} */ (['audit', 'state', 'dropped'])) {
        own.addEventListener(name, (event) => {
          // A count of what was dropped has no id of its own: on a new connection it may be the first that comes.
          if (event.lastEventId !== '') lastId = event.lastEventId
          told.current(name, JSON.parse(event.data))
        })
      }
      // The browser connects again after a connection that broke, but not after an answer such as 503.
      own.addEventListener('error', () => {
        if (own.readyState === EventSource.CLOSED && own === source) timer = setTimeout(connect, AGAIN_MS)
      })
    }
    const seen = () => (document.hidden ? disconnect() : connect())
    seen()
    document.addEventListener('visibilitychange', seen)
    return () => {
      document.removeEventListener('visibilitychange', seen)
      disconnect()
    }
  }, [path])
}

const KEPT = 100
/** Thousands a second may come; nobody reads faster than this. */
const SHOWN_EVERY_MS = 500

/**
 * The newest audit entries as they are committed.
 * @param {Readonly<Record<string, string | undefined>>} filter
 * @returns {{ entries: readonly AuditEntry[], dropped: number }} the newest first; dropped: what the gateway left out because this window was too slow
 */
export function useFollowed(filter) {
  const [state, setState] = useState({ entries: /** @type {readonly AuditEntry[]} */ ([]), dropped: 0 })
  const arrived = useRef({ entries: /** @type {AuditEntry[]} */ ([]), dropped: 0, count: 0 })
  const list = query(filter)
  useEffect(() => {
    arrived.current = { entries: [], dropped: 0, count: 0 }
    setState({ entries: [], dropped: 0 })
    let shown = 0
    const timer = setInterval(() => {
      const { entries, dropped, count } = arrived.current
      if (count === shown) return
      shown = count
      setState({ entries: entries.toReversed(), dropped })
    }, SHOWN_EVERY_MS)
    return () => clearInterval(timer)
  }, [list])
  useLiveEvents(filter, (event, data) => {
    const { current } = arrived
    if (event === 'state') return
    current.count++
    if (event === 'dropped') {
      current.dropped += Number(data['count'])
      return
    }
    // What the topic holds has no id of its own.
    current.entries.push(/** @type {AuditEntry} */ ({ ...data, id: String(current.count) }))
    if (current.entries.length > KEPT) current.entries.shift()
  })
  return state
}
