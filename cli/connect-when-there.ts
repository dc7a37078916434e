import { type Clock, sleep } from '../ports/clock.ts'

const PAUSE_MS = 1_000

/** Connects a client, again and again until it is connected or `signal` is aborted. MongoDB's, where its first connection failed, refuses every call from then on until it is told to connect once more; later outages it gets over by itself. */
export async function connectWhenThere(client: { connect(): Promise<unknown> }, clock: Clock, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      await client.connect()
      return
    } catch {
      // Whoever calls meanwhile is told why.
      await sleep(clock, PAUSE_MS, signal)
    }
  }
}
