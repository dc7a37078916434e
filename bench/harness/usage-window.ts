import { cpuSecondsOf, cpuSecondsOfTree, memoryOf } from './process-meter.ts'
import { machineTime } from './machine.ts'

/** What a stretch of a run has cost, by who used it. */
export interface Usage {
  readonly seconds: number
  readonly clientCpuSeconds: number
  readonly brokerCpuSeconds: number
  /** Cores that neither the client, the broker, the harness nor what it started used: whoever else works on the machine. */
  readonly othersCores: number
  readonly stealCores: number
  readonly peakMemoryBytes: number
  readonly residentBytes: number
}

export interface WatchedProcesses {
  /** What is measured; its children count too. */
  readonly client: number | readonly number[]
  readonly broker: number
  /** What else belongs to the benchmark: load generators, databases. They have to live until the end of the window. */
  readonly also?: readonly number[]
}

/** Reads the counters at the beginning and at the end of a stretch. */
export class UsageWindow {
  readonly #processes: WatchedProcesses
  readonly #began = performance.now()
  readonly #client: number
  readonly #broker: number
  readonly #also: number
  readonly #harness = process.cpuUsage()
  readonly #machine = machineTime()

  constructor(processes: WatchedProcesses) {
    this.#processes = processes
    this.#client = this.#clientSeconds()
    this.#broker = cpuSecondsOf(processes.broker)
    this.#also = this.#alsoSeconds()
  }

  end(): Usage {
    const seconds = (performance.now() - this.#began) / 1000
    const clientCpuSeconds = this.#clientSeconds() - this.#client
    const brokerCpuSeconds = cpuSecondsOf(this.#processes.broker) - this.#broker
    const harness = process.cpuUsage(this.#harness)
    const machine = machineTime()
    const ours = clientCpuSeconds + brokerCpuSeconds + this.#alsoSeconds() - this.#also + (harness.user + harness.system) / 1e6
    const memory = this.#clients().map(memoryOf)
    return {
      seconds,
      clientCpuSeconds,
      brokerCpuSeconds,
      othersCores: Math.max(0, (machine.busySeconds - this.#machine.busySeconds - ours) / seconds),
      stealCores: (machine.stealSeconds - this.#machine.stealSeconds) / seconds,
      peakMemoryBytes: memory.reduce((sum, { peakBytes }) => sum + peakBytes, 0),
      residentBytes: memory.reduce((sum, { residentBytes }) => sum + residentBytes, 0),
    }
  }

  #clients(): readonly number[] {
    const { client } = this.#processes
    return typeof client === 'number' ? [client] : client
  }

  #clientSeconds(): number {
    return this.#clients().reduce((sum, pid) => sum + cpuSecondsOf(pid), 0)
  }

  #alsoSeconds(): number {
    return (this.#processes.also ?? []).reduce((sum, pid) => sum + cpuSecondsOfTree(pid), 0)
  }
}
