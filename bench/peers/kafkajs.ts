import { fileURLToPath } from 'node:url'
import { ChildProgram } from '../harness/child-program.ts'
import type { Contender } from '../harness/contender.ts'
import { profiledNode } from './node-profile.ts'

const PROGRAM = fileURLToPath(new URL('kafkajs/row-by-row.ts', import.meta.url))

/** What most teams write: a consumer that looks up and upserts a row for each message and sends what came of it. At least once, and it shows in nothing but a crash. */
export const kafkaJs: Contender = {
  name: 'kafkajs',
  title: 'kafkajs, row by row',
  settings: 'eachMessage: select and upsert in PostgreSQL, send with acks=all; autocommit every second; 12 partitions at a time; drains measured over 60 s',
  needsPostgres: true,
  drainLimitSeconds: 60,
  async start(stack, { group, profileDirectory }) {
    const command = [process.execPath, '--no-warnings', PROGRAM, stack.brokers, stack.postgres, group]
    return new ChildProgram({ name: 'kafkajs', command, environment: profiledNode(profileDirectory), readyLine: 'RUNNING' })
  },
}
