import { fileURLToPath } from 'node:url'
import type { Role } from '../../cli/demo/role.ts'
import type { SinkStatus } from '../../cli/sink-status.ts'
import type { BenchStack } from '../harness/bench-stack.ts'
import { ChildProgram } from '../harness/child-program.ts'
import { OURS } from '../harness/results.ts'
import { profiledNode } from './node-profile.ts'

/** Something that writes what was committed to a database. */
export interface SinkContender {
  readonly name: string
  readonly title: string
  readonly settings: string
  /** Fetches what it needs, before anything is measured. */
  install?(): Promise<void>
  start(stack: BenchStack, options: SinkRunOptions): Promise<RunningSinkContender>
}

export interface SinkRunOptions {
  readonly applicationId: string
  readonly profileDirectory: string | undefined
  /** Of the topics that it reads, by partition: the offset behind the last committed record. */
  readonly ends: ReadonlyMap<string, readonly number[]>
}

export interface RunningSinkContender {
  readonly pid: number
  check(): void
  /** How far it is, in a measure of its own that grows evenly with the records. */
  readonly rowsWritten: number
  /** Whether so many records, all that there are, are in the database. */
  hasWritten(records: number): boolean
  stop(): Promise<void>
}

const INSERT_LOOP = fileURLToPath(new URL('bare-loop/insert-loop.ts', import.meta.url))
const BULK_WRITE_LOOP = fileURLToPath(new URL('bare-loop/bulk-write-loop.ts', import.meta.url))
const STOP_WITHIN_MS = 60_000

export const postgresSinks: readonly SinkContender[] = [
  {
    name: OURS,
    title: 'Tradewind',
    settings: 'defaults',
    async start(stack, { applicationId, profileDirectory }) {
      return runningRole(stack.sink(applicationId, profiledNode(profileDirectory)))
    },
  },
  {
    name: 'bare-loop',
    title: 'bare INSERT … SELECT unnest loop',
    settings: 'one connection, two statements a transaction, 5,000 records or more a batch; no group, progress, fence or retry',
    async start(stack, { profileDirectory }) {
      return runningLoop([INSERT_LOOP, stack.brokers, stack.postgres], profileDirectory)
    },
  },
]

export const mongoSinks: readonly SinkContender[] = [
  {
    name: OURS,
    title: 'Tradewind',
    settings: 'defaults',
    async start(stack, { applicationId, profileDirectory }) {
      return runningRole(stack.mongoSink(applicationId, profiledNode(profileDirectory)))
    },
  },
  {
    name: 'bare-loop',
    title: 'bare bulkWrite loop',
    settings: 'insertOne, unordered, w: majority, the two collections at a time, 5,000 records or more a batch; no group, progress or retry',
    async start(stack, { profileDirectory }) {
      return runningLoop([BULK_WRITE_LOOP, stack.brokers, stack.mongo], profileDirectory)
    },
  },
]

function runningRole(role: Role<SinkStatus>): RunningSinkContender {
  return {
    pid: role.pid ?? Number.NaN,
    check: () => role.check(),
    get rowsWritten() {
      return role.status?.rowsWritten ?? 0
    },
    hasWritten: (records) => role.status !== undefined && role.status.lag === 0 && role.status.recordsRead >= records,
    stop: async () => void (await role.stop(STOP_WITHIN_MS)),
  }
}

function runningLoop(command: readonly string[], profileDirectory: string | undefined): RunningSinkContender {
  const program = new ChildProgram({ name: 'the bare loop', command: [process.execPath, '--no-warnings', ...command], environment: profiledNode(profileDirectory), readyLine: 'RUNNING' })
  const written = () => Number(program.lines.findLast((each) => each.startsWith('WRITTEN '))?.slice('WRITTEN '.length) ?? 0)
  return {
    pid: program.pid,
    check: () => program.check(),
    get rowsWritten() {
      return written()
    },
    hasWritten: (records) => written() >= records,
    stop: () => program.stop(),
  }
}
