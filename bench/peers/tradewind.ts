import { Role } from '../../cli/demo/role.ts'
import type { ProcessorStatus } from '../../cli/processor-status.ts'
import type { Contender, RunningContender } from '../harness/contender.ts'
import { OURS } from '../harness/results.ts'
import { clockBehind, profiledNode } from './node-profile.ts'
import { setTimeout as delay } from 'node:timers/promises'

const STOP_WITHIN_MS = 60_000

/** The processor role as `tradewind processor` starts it, nothing set but where things are. */
export const tradewind: Contender = {
  name: OURS,
  title: 'Tradewind',
  settings: 'defaults',
  async start(stack, { group, stateDirectory, profileDirectory, threads, clockBehindMs }) {
    const argv = ['processor', '--application-id', group, '--data', stateDirectory, '--kafka-brokers', stack.brokers, ...(threads === undefined ? [] : ['--threads', String(threads)])]
    const environment = clockBehindMs === undefined ? profiledNode(profileDirectory) : clockBehind(clockBehindMs)
    return new RunningTradewind(stack.partitions, new Role('tradewind', argv, (line) => process.stderr.write(`${line}\n`), { ...process.env, ...environment }))
  },
}

class RunningTradewind implements RunningContender {
  readonly pid: number
  readonly #role: Role<ProcessorStatus>
  readonly #partitions: number

  constructor(partitions: number, role: Role<ProcessorStatus>) {
    this.#partitions = partitions
    if (role.pid === undefined) throw new Error('the processor could not be started')
    this.pid = role.pid
    this.#role = role
  }

  check(): void {
    this.#role.check()
  }

  async ready(beside?: 'beside'): Promise<void> {
    const enough = beside === undefined ? this.#partitions : 1
    while ((this.#role.status?.running.length ?? 0) < enough) {
      this.#role.check()
      await delay(10)
    }
  }

  async stop(): Promise<void> {
    await this.#role.stop(STOP_WITHIN_MS)
  }

  async kill(): Promise<void> {
    this.#role.kill()
    await this.#role.ended
  }
}
