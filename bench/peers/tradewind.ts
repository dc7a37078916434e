import { Role } from '../../cli/demo/role.ts'
import type { ProcessorStatus } from '../../cli/processor-status.ts'
import type { Contender, RunningContender } from '../harness/contender.ts'
import { PARTITIONS } from '../harness/bench-stack.ts'
import { OURS } from '../harness/results.ts'
import { profiledNode } from './node-profile.ts'
import { setTimeout as delay } from 'node:timers/promises'

const STOP_WITHIN_MS = 60_000

/** The processor role as `tradewind processor` starts it, nothing set but where things are. */
export const tradewind: Contender = {
  name: OURS,
  title: 'Tradewind',
  settings: 'defaults',
  async start(stack, { group, stateDirectory, profileDirectory }) {
    const argv = ['processor', '--application-id', group, '--data', stateDirectory, '--kafka-brokers', stack.brokers]
    return new RunningTradewind(new Role('tradewind', argv, (line) => process.stderr.write(`${line}\n`), { ...process.env, ...profiledNode(profileDirectory) }))
  },
}

class RunningTradewind implements RunningContender {
  readonly pid: number
  readonly #role: Role<ProcessorStatus>

  constructor(role: Role<ProcessorStatus>) {
    if (role.pid === undefined) throw new Error('the processor could not be started')
    this.pid = role.pid
    this.#role = role
  }

  check(): void {
    this.#role.check()
  }

  async ready(): Promise<void> {
    while (this.#role.status?.running.length !== PARTITIONS) {
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
