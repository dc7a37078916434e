import { useEffect, useRef } from 'preact/hooks'
import { query } from './api.js'

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
    const connect = () => {
      if (document.hidden) {
        source?.close()
        source = undefined
        return
      }
      if (source !== undefined) return
      source = new EventSource(path)
      for (const name of /** @type {const} */ (['audit', 'state', 'dropped'])) source.addEventListener(name, (event) => told.current(name, JSON.parse(event.data)))
    }
    connect()
    document.addEventListener('visibilitychange', connect)
    return () => {
      document.removeEventListener('visibilitychange', connect)
      source?.close()
    }
  }, [path])
}
