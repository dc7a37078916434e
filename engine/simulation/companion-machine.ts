import type { Broker } from '../../ports/broker.ts'
import type { Companion, RunningCompanion } from './companion.ts'
import type { Scheduler } from './scheduler.ts'
import type { SeededRandom } from './seeded-random.ts'
import type { SimulatedDatabase } from './simulated-database.ts'
import { ProcessNetwork, type SimulatedNetwork } from './simulated-network.ts'
import { SimulatedProcess } from './simulated-process.ts'
import type { Trace } from './trace.ts'

export interface CompanionMachineOptions {
  readonly name: string
  readonly companion: Companion
  readonly scheduler: Scheduler
  readonly random: SeededRandom
  readonly trace: Trace
  readonly database: SimulatedDatabase
  readonly brokerOf: (clientId: string, network: SimulatedNetwork) => Broker
  /** It ended by itself. */
  readonly failed: (reason: Error) => void
}

interface Run {
  readonly process: SimulatedProcess
  readonly network: ProcessNetwork
  readonly broker: Broker
  readonly companion: RunningCompanion
}

/** A machine on which a companion runs, one process after the other. */
export class CompanionMachine {
  readonly name: string
  readonly #options: CompanionMachineOptions
  #run: Run | undefined
  #starts = 0
  #isWanted = false

  constructor(options: CompanionMachineOptions) {
    this.#options = options
    this.name = options.name
  }

  get isDown(): boolean {
    return this.#run === undefined
  }

  get process(): SimulatedProcess | undefined {
    return this.#run?.process
  }

  get network(): ProcessNetwork | undefined {
    return this.#run?.network
  }

  start(): void {
    this.#isWanted = true
    if (this.#run !== undefined) return
    const { companion, scheduler, random, database, trace, brokerOf } = this.#options
    const number = ++this.#starts
    const process = new SimulatedProcess(`${this.name}.${number}`, scheduler)
    const network = new ProcessNetwork({ process, scheduler, random: random.fork(`network ${number}`) })
    const broker = brokerOf(process.name, network)
    trace.add(this.name, `process ${number} starts`)
    const run: Run = { process, network, broker, companion: companion.start({ process, broker, random: random.fork(`process ${number}`), database }) }
    this.#run = run
    void run.companion.ended.then((error) => this.#ended(run, error))
  }

  /** Started again after `downMs`, unless nobody wants it any more. */
  kill(downMs: number): void {
    const run = this.#run
    if (run === undefined) return
    this.#run = undefined
    run.process.kill()
    this.#options.trace.add(this.name, 'killed')
    this.#options.scheduler.after(downMs, () => this.#isWanted && this.start())
  }

  stop(): void {
    this.#isWanted = false
    this.#run?.companion.stop()
  }

  #ended(run: Run, error: Error | undefined): void {
    if (this.#run !== run) return
    this.#run = undefined
    run.process.kill()
    this.#options.trace.add(this.name, error === undefined ? 'ended' : `ended: ${error.message}`)
    if (error !== undefined) this.#options.failed(error)
  }
}
