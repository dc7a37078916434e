import type { BenchStack } from './bench-stack.ts'

/** Something that processes trades, started anew for each round: ours, or a peer. All know the same topics and are looked at from outside in the same way. */
export interface Contender {
  /** As in `--peer NAME`. */
  readonly name: string
  readonly title: string
  /** What was set, in words. */
  readonly settings: string
  /** Reads and writes PostgreSQL for each record. */
  readonly needsPostgres?: boolean
  /** For those that would take an hour: a drain ends after so long, and what was done by then counts. Default: the drain ends with its input. */
  readonly drainLimitSeconds?: number
  /** Fetches and builds what it needs, before anything is measured. */
  install?(): Promise<void>
  start(stack: BenchStack, options: RunOptions): Promise<RunningContender>
}

export interface RunOptions {
  /** Consumer group, application id. */
  readonly group: string
  /** An empty folder, or that of an earlier run of the same group. */
  readonly stateDirectory: string
  /** Where a CPU profile goes; `undefined`: none. */
  readonly profileDirectory: string | undefined
  /** Default 1. */
  readonly threads?: number
  /** So many milliseconds before now it is for the process, for the sake of its business date; only ours knows of it. Default 0. */
  readonly clockBehindMs?: number
}

export interface RunningContender {
  readonly pid: number
  /** Throws if it has ended by itself. */
  check(): void
  /** Resolves when it has all partitions and processes what comes; `beside` another instance: when it has some, as far as it tells. */
  ready(beside?: 'beside'): Promise<void>
  /** In order. */
  stop(): Promise<void>
  /** kill -9. */
  kill(): Promise<void>
}
