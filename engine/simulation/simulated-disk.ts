import { dirname } from 'node:path'
import type { Disk, DiskFile, DiskLock } from '../../ports/disk.ts'
import { DiskContent } from './disk-content.ts'
import type { Scheduler } from './scheduler.ts'
import type { SeededRandom } from './seeded-random.ts'
import type { SimulatedProcess } from './simulated-process.ts'

/** A change of a directory that is not synced yet: from then on the name stands for this content, or for none. */
interface NameChange {
  readonly path: string
  readonly content: DiskContent | undefined
}

export interface DiskConditions {
  readonly minDelayMs: number
  readonly maxDelayMs: number
  readonly syncMs: number
  /** No more than this fits: what is beyond fails with ENOSPC, the last write torn. */
  readonly capacityBytes: number
  /** An operation that writes fails with EIO. */
  readonly failure: number
}

export const GOOD_DISK: DiskConditions = { minDelayMs: 0.01, maxDelayMs: 0.1, syncMs: 2, capacityBytes: Number.POSITIVE_INFINITY, failure: 0 }

/** The disk of a machine. It outlives its processes; a power cut takes what was not synced. */
export class MachineDisk {
  conditions: DiskConditions = GOOD_DISK
  /** Operations that changed something. */
  writes = 0
  readonly random: SeededRandom
  readonly scheduler: Scheduler
  readonly locks = new Map<string, SimulatedProcess>()
  #names = new Map<string, DiskContent>()
  #durable = new Map<string, DiskContent>()
  #changes: NameChange[] = []
  #files = 0
  readonly #identity: string

  constructor({ scheduler, random }: { scheduler: Scheduler; random: SeededRandom }) {
    this.scheduler = scheduler
    this.random = random
    this.#identity = random.fork('identity').uuid()
  }

  /** The disk as a process uses it, until it dies. */
  of(process: SimulatedProcess): Disk {
    return new ProcessDisk(this, process)
  }

  get usedBytes(): number {
    let bytes = 0
    for (const { sizeBytes } of this.#names.values()) bytes += sizeBytes
    return bytes
  }

  get paths(): string[] {
    return [...this.#names.keys()]
  }

  find(path: string): DiskContent | undefined {
    return this.#names.get(path)
  }

  existing(path: string): DiskContent {
    const content = this.#names.get(path)
    if (content === undefined) throw diskError('ENOENT', `no such file: ${path}`)
    return content
  }

  create(path: string, bytes?: Uint8Array): DiskContent {
    const content = new DiskContent(`${this.#identity} ${++this.#files}`, bytes)
    this.name(path, content)
    return content
  }

  name(path: string, content: DiskContent | undefined): void {
    if (content === undefined) this.#names.delete(path)
    else this.#names.set(path, content)
    this.#changes.push({ path, content })
  }

  syncNames(directory: string): void {
    for (const { path, content } of this.#changes) {
      if (dirname(path) !== directory) continue
      if (content === undefined) this.#durable.delete(path)
      else this.#durable.set(path, content)
    }
    this.#changes = this.#changes.filter(({ path }) => dirname(path) !== directory)
  }

  /** After its processes were killed. Directories are journalled in order: some of the latest changes are lost, never one of those before. */
  cutPower(): void {
    const names = new Map(this.#durable)
    for (const { path, content } of this.#changes.slice(0, this.random.integer(0, this.#changes.length))) content === undefined ? names.delete(path) : names.set(path, content)
    for (const content of names.values()) content.cutPower(this.random)
    this.#changes = []
    this.#names = names
    this.#durable = new Map(names)
  }

  /** What is on another disk, as new files. */
  copyFrom(other: MachineDisk): void {
    this.lose()
    for (const [path, { current }] of other.#names) this.create(path, current).synced(current.length)
    this.#durable = new Map(this.#names)
    this.#changes = []
  }

  /** A new disk. */
  lose(): void {
    this.#names.clear()
    this.#durable.clear()
    this.#changes = []
  }
}

/** Everything takes its time; who has died by then learns nothing, and what it had asked for was done, or was not, or in part. */
class ProcessDisk implements Disk {
  readonly #machine: MachineDisk
  readonly #process: SimulatedProcess

  constructor(machine: MachineDisk, process: SimulatedProcess) {
    this.#machine = machine
    this.#process = process
  }

  open(path: string): Promise<DiskFile> {
    return this.#does(() => new ProcessFile(this.#machine.find(path) ?? this.#machine.create(path), this.#machine, this.#process))
  }

  list(path: string): Promise<string[]> {
    return this.#does(() => [...new Set(this.#machine.paths.filter((name) => name.startsWith(`${path}/`)).map((name) => name.slice(path.length + 1).split('/')[0] ?? ''))])
  }

  makeDirectory(): Promise<void> {
    return this.#does(() => {})
  }

  read(path: string): Promise<Buffer | undefined> {
    return this.#does(() => {
      const content = this.#machine.find(path)
      return content === undefined ? undefined : Buffer.from(content.current)
    })
  }

  replace(path: string, bytes: Uint8Array): Promise<void> {
    const copy = Buffer.from(bytes)
    return this.#writes(() => {
      if (this.#machine.usedBytes + copy.length > this.#machine.conditions.capacityBytes) throw diskError('ENOSPC', `no space left on device: ${path}`)
      const content = this.#machine.create(path, copy)
      content.synced(copy.length)
      this.#machine.syncNames(dirname(path))
    }, this.#machine.conditions.syncMs)
  }

  rename(from: string, to: string): Promise<void> {
    return this.#writes(() => {
      const content = this.#machine.existing(from)
      this.#machine.name(from, undefined)
      this.#machine.name(to, content)
    })
  }

  unlink(path: string): Promise<void> {
    return this.#writes(() => {
      this.#machine.existing(path)
      this.#machine.name(path, undefined)
    })
  }

  removeDirectory(path: string): Promise<void> {
    return this.#writes(() => {
      for (const name of this.#machine.paths) if (name.startsWith(`${path}/`)) this.#machine.name(name, undefined)
    })
  }

  syncDirectory(path: string): Promise<void> {
    return this.#writes(() => this.#machine.syncNames(path), this.#machine.conditions.syncMs)
  }

  identity(path: string): Promise<string> {
    return this.#does(() => this.#machine.existing(path).identity)
  }

  lock(path: string): Promise<DiskLock | undefined> {
    return this.#does(() => {
      const { locks } = this.#machine
      if (locks.has(path)) return undefined
      locks.set(path, this.#process)
      const release = (): void => {
        if (locks.get(path) === this.#process) locks.delete(path)
      }
      const forget = this.#process.onDeath(release)
      if (this.#machine.find(path) === undefined) this.#machine.create(path)
      const released = (): void => {
        forget()
        release()
      }
      return { release: () => this.#does(released) }
    })
  }

  #does<T>(act: () => T): Promise<T> {
    return takeTime(this.#machine, this.#process, act)
  }

  #writes(act: () => void, extraMs = 0): Promise<void> {
    return takeTime(this.#machine, this.#process, act, { writes: true, extraMs })
  }
}

class ProcessFile implements DiskFile {
  readonly #content: DiskContent
  readonly #machine: MachineDisk
  readonly #process: SimulatedProcess

  constructor(content: DiskContent, machine: MachineDisk, process: SimulatedProcess) {
    this.#content = content
    this.#machine = machine
    this.#process = process
  }

  get sizeBytes(): number {
    return this.#content.sizeBytes
  }

  append(chunks: readonly Uint8Array[]): Promise<void> {
    const bytes = Buffer.concat(chunks)
    return takeTime(
      this.#machine,
      this.#process,
      () => {
        const left = this.#machine.conditions.capacityBytes === Number.POSITIVE_INFINITY ? bytes.length : Math.max(0, this.#machine.conditions.capacityBytes - this.#machine.usedBytes)
        this.#content.append(left < bytes.length ? bytes.subarray(0, left) : bytes)
        if (left < bytes.length) throw diskError('ENOSPC', 'no space left on device')
      },
      { writes: true, torn: () => this.#content.append(bytes.subarray(0, this.#machine.random.integer(0, bytes.length))) },
    )
  }

  readSync(target: Uint8Array, position: number): number {
    if (this.#process.isDead) throw diskError('EBADF', 'the process is dead')
    return this.#content.current.copy(target, 0, position)
  }

  read(target: Uint8Array, position: number): Promise<number> {
    return takeTime(this.#machine, this.#process, () => this.#content.current.copy(target, 0, position))
  }

  sync(): Promise<void> {
    const bytes = this.#content.sizeBytes
    return takeTime(this.#machine, this.#process, () => this.#content.synced(bytes), { writes: true, extraMs: this.#machine.conditions.syncMs })
  }

  truncate(sizeBytes: number): Promise<void> {
    return takeTime(this.#machine, this.#process, () => this.#content.truncate(sizeBytes), { writes: true })
  }

  async close(): Promise<void> {}
}

/**
 * Does something to a disk on behalf of a process. Where the process dies before it is done, chance decides whether it was done, not done, or done in part.
 */
function takeTime<T>(machine: MachineDisk, process: SimulatedProcess, act: () => T, { writes = false, extraMs = 0, torn }: { writes?: boolean; extraMs?: number; torn?: () => void } = {}): Promise<T> {
  return new Promise((resolve, reject) => {
    if (process.isDead) return
    const { minDelayMs, maxDelayMs, failure } = machine.conditions
    const fails = writes && failure > 0 && machine.random.chance(failure)
    const delayMs = (machine.random.between(minDelayMs, maxDelayMs) + (extraMs > 0 ? machine.random.between(0, extraMs) : 0)) * process.slowness
    let isDone = false
    const forget = writes ? process.onDeath(() => atDeath()) : () => {}
    const complete = (): void => {
      // Who is dead opens nothing: the file would come into being on the disk of whoever has its place by then.
      if (isDone || (!writes && process.isDead)) return
      isDone = true
      forget()
      if (writes) machine.writes++
      try {
        if (fails) {
          torn?.()
          throw diskError('EIO', 'input/output error')
        }
        const result = act()
        process.deliver(() => resolve(result))
      } catch (error) {
        process.deliver(() => reject(error))
      }
    }
    const atDeath = (): void => {
      const share = machine.random.next()
      if (share < 0.4) complete()
      else if (share < 0.7) torn?.()
      isDone = true
    }
    machine.scheduler.after(delayMs, complete)
  })
}

function diskError(code: string, message: string): Error {
  return Object.assign(new Error(`${code}: ${message}`), { code })
}
