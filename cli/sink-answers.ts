import type { SinkStatus } from '../api/queries/instance-status.ts'
import type { QueryAnswers } from '../api/queries/query-server.ts'
import type { Clock } from '../ports/clock.ts'
import type { RunningSink } from '../sinks/running-sink.ts'
import { PositionWaiters } from './position-waiters.ts'
import { processFigures } from './process-figures.ts'

/** What a sink answers to gateways. `sink`: not there yet while it starts. */
export function sinkAnswers(clock: Clock, sink: () => RunningSink | undefined): QueryAnswers {
  const waiters = new PositionWaiters({ clock, hasReached: (at) => sink()?.hasReached(at, at.offset) })
  return {
    status: () => statusOf(sink()),
    pause: () => started(sink()).pause(),
    resume: () => started(sink()).resume(),
    reached: (at, waitMs) => waiters.reached(at, waitMs),
  }
}

function started(sink: RunningSink | undefined): RunningSink {
  if (sink === undefined) throw new Error('the sink is still starting')
  return sink
}

function statusOf(sink: RunningSink | undefined): SinkStatus {
  const found = sink?.snapshot()
  return {
    role: 'sink',
    ...processFigures(),
    state: found?.state ?? 'starting',
    isPaused: found?.isPaused ?? false,
    circuit: found?.circuit ?? 'closed',
    rowsWritten: found?.rowsWritten ?? 0,
    rowsStale: found?.rowsStale ?? 0,
    batches: found?.batches ?? 0,
    retries: found?.retries ?? 0,
    deadLettered: found?.deadLettered ?? 0,
    lastError: found?.lastError,
    writeMs: found?.writeMs,
  }
}
