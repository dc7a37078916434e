import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import { Disconnected, get } from './api.js'

/** How soon a call that failed is tried again: it doubles up to the interval, or to this. */
const FIRST_RETRY_MS = 500
const LONGEST_RETRY_MS = 4_000

/**
 * @template Answer
 * @typedef {{ data: Answer | undefined, error: Error | undefined, atMs: number | undefined, isStale: boolean, refresh: () => void }} Polled
 * data: the last answer, also after a later call has failed; isStale: it is the answer of another path, or a later call has failed
 */

/**
 * Asks again and again while the page can be seen, and not at all while it cannot: nobody's work is done for a tab in the background.
 * @template Answer
 * @param {string | undefined} path below /api/v1; undefined: nothing is asked
 * @param {{ intervalMs?: number, onAnswer?: (answer: Answer) => void }} [options] intervalMs: undefined asks once, and again when the page is seen again
 * @returns {Polled<Answer>}
 */
export function usePolled(path, { intervalMs, onAnswer } = {}) {
  const [state, setState] = useState(/** @type {{ path: string | undefined, data: Answer | undefined, error: Error | undefined, atMs: number | undefined }} */ ({ path: undefined, data: undefined, error: undefined, atMs: undefined }))
  const [round, setRound] = useState(0)
  const told = useRef(onAnswer)
  told.current = onAnswer

  useEffect(() => {
    if (path === undefined) return undefined
    const ended = new AbortController()
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer
    let failures = 0
    let isAsking = false
    const ask = async () => {
      clearTimeout(timer)
      if (isAsking || document.hidden) return
      isAsking = true
      let waitMs = intervalMs
      try {
        const data = /** @type {Answer} */ (await get(path, { signal: ended.signal }))
        failures = 0
        setState({ path, data, error: undefined, atMs: Date.now() })
        told.current?.(data)
      } catch (error) {
        if (ended.signal.aborted) return
        const retryMs = Math.min(FIRST_RETRY_MS * 2 ** failures++, LONGEST_RETRY_MS)
        // A problem that is an answer (404) does not go away by itself: only what is asked again and again is.
        if (error instanceof Disconnected) waitMs = Math.min(retryMs, intervalMs ?? retryMs)
        setState((before) => ({ path, data: before.path === path ? before.data : undefined, error: /** @type {Error} */ (error), atMs: before.atMs }))
      } finally {
        isAsking = false
      }
      if (waitMs !== undefined && !ended.signal.aborted) timer = setTimeout(ask, waitMs)
    }
    const seen = () => (document.hidden ? clearTimeout(timer) : void ask())
    document.addEventListener('visibilitychange', seen)
    void ask()
    return () => {
      ended.abort()
      clearTimeout(timer)
      document.removeEventListener('visibilitychange', seen)
    }
  }, [path, intervalMs, round])

  const refresh = useCallback(() => setRound((n) => n + 1), [])
  const isOther = state.path !== path
  return { data: state.data, error: isOther ? undefined : state.error, atMs: state.atMs, isStale: isOther || state.error !== undefined, refresh }
}

/** The time, as often as asked for, while the page can be seen. @param {number} intervalMs */
export function useNow(intervalMs = 1_000) {
  const [nowMs, setNow] = useState(Date.now())
  useEffect(() => {
    const timer = setInterval(() => {
      if (!document.hidden) setNow(Date.now())
    }, intervalMs)
    return () => clearInterval(timer)
  }, [intervalMs])
  return nowMs
}
