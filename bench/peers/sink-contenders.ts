import { fileURLToPath } from 'node:url'
import type { BenchStack } from '../harness/bench-stack.ts'
import { ChildProgram } from '../harness/child-program.ts'
import { OURS } from '../harness/results.ts'
import { profiledNode } from './node-profile.ts'

/** Something that writes trade.processed to PostgreSQL. */
export interface SinkContender {
  readonly name: string
  readonly title: string
  readonly settings: string
  start(stack: BenchStack, options: { applicationId: string; profileDirectory: string | undefined }): RunningSinkContender
}

export interface RunningSinkContender {
  readonly pid: number
  check(): void
  /** Rows that are in the database, as it says, in a measure of its own: it grows evenly with the records. */
  readonly rowsWritten: number
  /** Whether so many records of trade.processed, all of them, are in the database. */
  hasWritten(records: number): boolean
  stop(): Promise<void>
}

const INSERT_LOOP = fileURLToPath(new URL('bare-loop/insert-loop.ts', import.meta.url))
const STOP_WITHIN_MS = 60_000

export const sinkContenders: readonly SinkContender[] = [
  {
    name: OURS,
    title: 'Tradewind',
    settings: 'defaults',
    start(stack, { applicationId, profileDirectory }) {
      const role = stack.sink(applicationId, profiledNode(profileDirectory))
      return {
        pid: role.pid ?? Number.NaN,
        check: () => role.check(),
        get rowsWritten() {
          return role.status?.rowsWritten ?? 0
        },
        hasWritten: (records) => role.status !== undefined && role.status.lag === 0 && role.status.recordsRead >= records,
        stop: async () => void (await role.stop(STOP_WITHIN_MS)),
      }
    },
  },
  {
    name: 'bare-loop',
    title: 'bare INSERT … SELECT unnest loop',
    settings: 'one connection, two statements a transaction, 5,000 records or more a batch; no group, progress, fence or retry',
    start(stack, { profileDirectory }) {
      const program = new ChildProgram({
        name: 'the bare loop',
        command: [process.execPath, '--no-warnings', INSERT_LOOP, stack.brokers, stack.postgres],
        environment: profiledNode(profileDirectory),
        readyLine: 'RUNNING',
      })
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
    },
  },
]
