import { availableParallelism } from 'node:os'
import { machineTime } from '../harness/machine.ts'
import { cpuSecondsOfTree } from '../harness/process-meter.ts'

/** How many cores the parts of a system used over a stretch, and what was left of the machine: where little is left, latencies are those of a queue before a processor. */
export class CoreShares {
  readonly #parts: ReadonlyMap<string, number>
  readonly #beganMs = performance.now()
  readonly #before: ReadonlyMap<string, number>
  readonly #machine = machineTime()

  /** Process ids by the name of the part; their children count too. They have to live until the end. */
  constructor(parts: ReadonlyMap<string, number>) {
    this.#parts = parts
    this.#before = this.#cpuSeconds()
  }

  /** In cores: each part, `the load and the rest`, and `idle`. */
  end(): string {
    const seconds = (performance.now() - this.#beganMs) / 1000
    const after = this.#cpuSeconds()
    const busy = (machineTime().busySeconds - this.#machine.busySeconds) / seconds
    const shares = [...after].map(([name, cpuSeconds]) => ({ name, cores: (cpuSeconds - (this.#before.get(name) ?? 0)) / seconds }))
    const ours = shares.reduce((sum, { cores }) => sum + cores, 0)
    const all = [...shares, { name: 'the load and the rest', cores: Math.max(0, busy - ours) }, { name: 'idle', cores: Math.max(0, availableParallelism() - busy) }]
    return all.map(({ name, cores }) => `${name} ${cores.toFixed(2)}`).join(', ')
  }

  #cpuSeconds(): Map<string, number> {
    return new Map([...this.#parts].map(([name, pid]) => [name, cpuSecondsOfTree(pid)]))
  }
}
