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
  /** Records of trade.processed that are in the database, as it says. */
  readonly written: number
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
        // What is read last is not written as long as there is a lag.
        get written() {
          const { recordsRead = 0, rowsWritten = 0, lag = 0 } = role.status ?? {}
          return rowsWritten === 0 ? 0 : lag > 0 ? recordsRead - 1 : recordsRead
        },
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
      return {
        pid: program.pid,
        check: () => program.check(),
        get written() {
          const line = program.lines.findLast((each) => each.startsWith('WRITTEN '))
          return Number(line?.slice('WRITTEN '.length) ?? 0)
        },
        stop: () => program.stop(),
      }
    },
  },
]
