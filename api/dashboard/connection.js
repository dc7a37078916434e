/** @typedef {{ state: 'connecting' | 'connected' | 'lost', lostAtMs: number | undefined }} Connection */

import { useEffect, useState } from 'preact/hooks'

/** @type {Connection} */
let connection = { state: 'connecting', lostAtMs: undefined }
/** @type {Set<(connection: Connection) => void>} */
const listeners = new Set()

/** Whether the gateway answers: each call tells it. Any answer counts, a problem too. */
export function tellConnection(/** @type {boolean} */ answered) {
  if (answered === (connection.state === 'connected') && connection.state !== 'connecting') return
  connection = answered ? { state: 'connected', lostAtMs: undefined } : { state: 'lost', lostAtMs: connection.lostAtMs ?? Date.now() }
  for (const listener of listeners) listener(connection)
}

export function useConnection() {
  const [shown, show] = useState(connection)
  useEffect(() => {
    show(connection)
    listeners.add(show)
    return () => void listeners.delete(show)
  }, [])
  return shown
}
