import { EXIT } from './exit.ts'

export interface StopRequest {
  readonly requested: boolean
  /** Resolves with the first SIGINT or SIGTERM. */
  readonly promise: Promise<void>
}

/** Listens for SIGINT and SIGTERM. The first one asks for an orderly end, the second one ends at once. */
export function stopRequested(): StopRequest {
  const state = { requested: false }
  const promise = new Promise<void>((resolve) => {
    const onSignal = () => {
      if (state.requested) process.exit(EXIT.failed)
      state.requested = true
      resolve()
    }
    process.on('SIGINT', onSignal)
    process.on('SIGTERM', onSignal)
  })
  return {
    get requested() {
      return state.requested
    },
    promise,
  }
}
