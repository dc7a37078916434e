import { dirname } from 'node:path'
import type { Disk, DiskFile, DiskLock } from '../../ports/disk.ts'

/** Something that changes what is on the disk. */
export interface DiskOperation {
  readonly kind: 'create' | 'append' | 'sync' | 'truncate' | 'replace' | 'rename' | 'unlink' | 'remove-directory' | 'sync-directory'
  readonly path: string
}

/**
 * What happens to one operation.
 * - `refuse`: it fails with ENOSPC and changes nothing. `tear`: the same, but an append has written a part.
 * - `crash-before`, `crash-torn`, `crash-after`: the process dies before, in the middle of, or behind it. Whatever the dead process still calls fails.
 */
export type DiskFault = 'refuse' | 'tear' | 'crash-before' | 'crash-torn' | 'crash-after'

/** The content of a file, and what of it would survive a power cut. */
class Content {
  bytes: Buffer = EMPTY
  sizeBytes = 0
  synced: Buffer = EMPTY
  readonly identity: string

  constructor(identity: string) {
    this.identity = identity
  }

  get current(): Buffer {
    return this.bytes.subarray(0, this.sizeBytes)
  }

  append(chunk: Uint8Array): void {
    if (this.sizeBytes + chunk.length > this.bytes.length) {
      const larger = Buffer.alloc(Math.max(256, (this.sizeBytes + chunk.length) * 2))
      this.current.copy(larger)
      this.bytes = larger
    }
    this.bytes.set(chunk, this.sizeBytes)
    this.sizeBytes += chunk.length
  }

  set(bytes: Uint8Array): void {
    this.bytes = Buffer.from(bytes)
    this.sizeBytes = bytes.length
  }
}

/** A change of a directory that is not synced yet: from then on the name stands for this content, or for none. */
interface NameChange {
  readonly path: string
  readonly content: Content | undefined
}

/**
 * A disk in memory that fails and crashes where it is told to, and can lose what was not synced: appended bytes from some point on, or a stretch of them (pages are written in any
 * order), and the latest creations, renames and removals in a directory.
 */
export class MemoryDisk implements Disk {
  /** Everything that changed something, in order. */
  readonly operations: DiskOperation[] = []
  #names = new Map<string, Content>()
  #durableNames = new Map<string, Content>()
  #changes: NameChange[] = []
  readonly #locks = new Set<string>()
  #fault: { readonly step: number; readonly fault: DiskFault } | undefined
  #isDead = false
  #lastIdentity = 0

  /** Lets the operation that is number `step` (from 0) meet a fault. */
  failAt(step: number, fault: DiskFault): void {
    this.#fault = { step, fault }
  }

  /** The disk as the next process finds it when the machine has stayed up. */
  restarted(): MemoryDisk {
    const disk = new MemoryDisk()
    for (const [path, content] of this.#names) disk.#keep(path, content.identity, content.current)
    return disk
  }

  /** The disk as it is found after a power cut. `random` gives whole numbers. */
  powerCut(random: () => number): MemoryDisk {
    const names = new Map(this.#durableNames)
    // Directories are journalled in order: some of the latest changes are lost, never one of those before.
    for (const { path, content } of this.#changes.slice(0, random() % (this.#changes.length + 1)))
      content === undefined ? names.delete(path) : names.set(path, content)
    const disk = new MemoryDisk()
    for (const [path, content] of names) disk.#keep(path, content.identity, afterPowerCut(content, random))
    return disk
  }

  /** The bytes of all files, by path. */
  files(): Map<string, Buffer> {
    return new Map([...this.#names].map(([path, { current }]) => [path, Buffer.from(current)]))
  }

  /** Puts a new file there, synced. */
  put(path: string, bytes: Uint8Array): void {
    this.#keep(path, `${path}-${++this.#lastIdentity}`, bytes)
  }

  async open(path: string): Promise<DiskFile> {
    this.#live()
    const content = this.#names.get(path) ?? this.#create(path)
    return new MemoryFile(
      content,
      path,
      (operation, change) => this.#step(operation, change),
      () => this.#live(),
    )
  }

  async list(path: string): Promise<string[]> {
    this.#live()
    const names = [...this.#names.keys()].filter((name) => name.startsWith(`${path}/`)).map((name) => name.slice(path.length + 1).split('/')[0] ?? '')
    return [...new Set(names)]
  }

  async makeDirectory(): Promise<void> {
    this.#live()
  }

  async read(path: string): Promise<Buffer | undefined> {
    this.#live()
    const content = this.#names.get(path)
    return content === undefined ? undefined : Buffer.from(content.current)
  }

  async replace(path: string, bytes: Uint8Array): Promise<void> {
    this.#step({ kind: 'replace', path }, () => {
      const content = new Content(String(++this.#lastIdentity))
      content.set(bytes)
      content.synced = Buffer.from(bytes)
      this.#name(path, content)
      this.#syncNames(dirname(path))
    })
  }

  async rename(from: string, to: string): Promise<void> {
    this.#step({ kind: 'rename', path: from }, () => {
      const content = this.#existing(from)
      this.#name(from, undefined)
      this.#name(to, content)
    })
  }

  async unlink(path: string): Promise<void> {
    this.#step({ kind: 'unlink', path }, () => {
      this.#existing(path)
      this.#name(path, undefined)
    })
  }

  async removeDirectory(path: string): Promise<void> {
    this.#step({ kind: 'remove-directory', path }, () => {
      for (const name of [...this.#names.keys()]) if (name.startsWith(`${path}/`)) this.#name(name, undefined)
    })
  }

  async syncDirectory(path: string): Promise<void> {
    this.#step({ kind: 'sync-directory', path }, () => this.#syncNames(path))
  }

  async identity(path: string): Promise<string> {
    this.#live()
    return this.#existing(path).identity
  }

  async lock(path: string): Promise<DiskLock | undefined> {
    this.#live()
    if (this.#locks.has(path)) return undefined
    this.#locks.add(path)
    if (!this.#names.has(path)) this.#create(path)
    return {
      release: async () => {
        this.#locks.delete(path)
      },
    }
  }

  #keep(path: string, identity: string, bytes: Uint8Array): void {
    const content = new Content(identity)
    content.set(bytes)
    content.synced = Buffer.from(bytes)
    this.#names.set(path, content)
    this.#durableNames.set(path, content)
  }

  #create(path: string): Content {
    const content = new Content(String(++this.#lastIdentity))
    this.#step({ kind: 'create', path }, () => this.#name(path, content))
    return content
  }

  #existing(path: string): Content {
    const content = this.#names.get(path)
    if (content === undefined) throw diskError('ENOENT', `no such file: ${path}`)
    return content
  }

  #name(path: string, content: Content | undefined): void {
    if (content === undefined) this.#names.delete(path)
    else this.#names.set(path, content)
    this.#changes.push({ path, content })
  }

  #syncNames(directory: string): void {
    for (const { path, content } of this.#changes) {
      if (dirname(path) !== directory) continue
      if (content === undefined) this.#durableNames.delete(path)
      else this.#durableNames.set(path, content)
    }
    this.#changes = this.#changes.filter(({ path }) => dirname(path) !== directory)
  }

  /** Carries out one change, or the fault that is due. `change` is called with the share of it that is to be done. */
  #step(operation: DiskOperation, change: (share: number) => void): void {
    this.#live()
    const due = this.#fault?.step === this.operations.length ? this.#fault.fault : undefined
    this.operations.push(operation)
    if (due === 'tear' || due === 'crash-torn') {
      if (operation.kind === 'append') change(0.5)
    } else if (due === undefined || due === 'crash-after') change(1)
    if (due?.startsWith('crash')) {
      this.#isDead = true
      this.#live()
    }
    if (due !== undefined) throw diskError('ENOSPC', `no space left on device: ${operation.kind} ${operation.path}`)
  }

  #live(): void {
    if (this.#isDead) throw new ProcessDeadError()
  }
}

/** What a process calls after it has died. */
export class ProcessDeadError extends Error {
  override readonly name = 'ProcessDeadError'
}

class MemoryFile implements DiskFile {
  readonly #content: Content
  readonly #path: string
  readonly #step: (operation: DiskOperation, change: (share: number) => void) => void
  readonly #live: () => void

  constructor(content: Content, path: string, step: (operation: DiskOperation, change: (share: number) => void) => void, live: () => void) {
    this.#content = content
    this.#path = path
    this.#step = step
    this.#live = live
  }

  get sizeBytes(): number {
    return this.#content.sizeBytes
  }

  async append(chunks: readonly Uint8Array[]): Promise<void> {
    this.#step({ kind: 'append', path: this.#path }, (share) => {
      const all = Buffer.concat(chunks)
      this.#content.append(all.subarray(0, Math.ceil(all.length * share)))
    })
  }

  readSync(target: Uint8Array, position: number): number {
    this.#live()
    return this.#content.current.copy(target, 0, position)
  }

  async read(target: Uint8Array, position: number): Promise<number> {
    return this.readSync(target, position)
  }

  async sync(): Promise<void> {
    this.#step({ kind: 'sync', path: this.#path }, () => {
      this.#content.synced = Buffer.from(this.#content.current)
    })
  }

  async truncate(sizeBytes: number): Promise<void> {
    this.#step({ kind: 'truncate', path: this.#path }, () => {
      this.#content.sizeBytes = sizeBytes
    })
  }

  async close(): Promise<void> {}
}

function afterPowerCut({ synced, current }: Content, random: () => number): Buffer {
  const isExtended = current.length >= synced.length && current.subarray(0, synced.length).equals(synced)
  if (!isExtended) return random() % 2 === 0 ? synced : Buffer.from(current)
  const unsynced = current.length - synced.length
  const kept = Buffer.from(current.subarray(0, synced.length + (random() % (unsynced + 1))))
  const damage = random() % 3
  if (damage === 0) kept.fill(0, synced.length + (random() % (kept.length - synced.length + 1)))
  else if (damage === 1 && kept.length > synced.length + 8) {
    const hole = synced.length + (random() % (kept.length - synced.length - 8))
    kept.fill(0, hole, hole + 8)
  }
  return kept
}

function diskError(code: string, message: string): Error {
  return Object.assign(new Error(`${code}: ${message}`), { code })
}

const EMPTY = Buffer.alloc(0)
