import { readFileSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'

export interface MachineDescription {
  readonly cpu: string
  readonly cores: number
  readonly memoryGb: number
  readonly kernel: string
  readonly node: string
}

export function describeMachine(): MachineDescription {
  return { cpu: cpus()[0]?.model.trim() ?? 'unknown', cores: cpus().length, memoryGb: Number((totalmem() / 1e9).toFixed(1)), kernel: release(), node: process.version }
}

/** Processor seconds of the whole machine since boot. */
export interface MachineTime {
  readonly busySeconds: number
  /** What the hypervisor gave to somebody else while we wanted to run. */
  readonly stealSeconds: number
}

export function machineTime(): MachineTime {
  const [line = ''] = readFileSync('/proc/stat', 'utf8').split('\n')
  const [user = 0, nice = 0, system = 0, , , interrupt = 0, softInterrupt = 0, steal = 0] = line.trim().split(/\s+/).slice(1).map(Number)
  return { busySeconds: (user + nice + system + interrupt + softInterrupt) / 100, stealSeconds: steal / 100 }
}
