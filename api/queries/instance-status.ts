import type { ThreadSnapshot } from '../../engine/thread-statistics.ts'

interface ProcessFigures {
  readonly startedAtMs: number
  /** Of the whole process; several stream threads share one. */
  readonly rssBytes: number
  readonly cpuSeconds: number
}

/** How a stream thread is. */
export interface ProcessorStatus extends ProcessFigures {
  readonly role: 'processor'
  readonly thread: ThreadSnapshot
}

/** How a sink is. Counters start at 0 with the process. */
export interface SinkStatus extends ProcessFigures {
  readonly role: 'sink'
  readonly state: 'starting' | 'waiting' | 'running' | 'paused' | 'failed' | 'closed'
  readonly isPaused: boolean
  readonly circuit: 'closed' | 'open' | 'half-open'
  readonly rowsWritten: number
  readonly rowsStale: number
  readonly batches: number
  readonly retries: number
  readonly deadLettered: number
  readonly lastError: string | undefined
  readonly writeMs: { readonly p50: number; readonly p99: number } | undefined
}

/** What an instance says of itself when it is asked. */
export type InstanceStatus = ProcessorStatus | SinkStatus
