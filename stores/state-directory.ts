import { join } from 'node:path'
import type { Disk, DiskLock } from '../ports/disk.ts'
import type { Random } from '../ports/random.ts'

/** A state directory that may not be used as it is. The message says what was found, what was expected, and the remedy; nothing was changed or deleted. */
export class StateDirectoryError extends Error {
  override readonly name = 'StateDirectoryError'
}

export interface StateDirectoryOptions {
  readonly disk: Disk
  readonly random: Random
  /** Folder of one application on one machine. Created if it is not there. */
  readonly path: string
  readonly applicationId: string
  readonly clusterId: string
  /** What the stores on disk depend on: their names and layouts. A directory with others is refused. */
  readonly topology: string
  /** Take over a directory that was copied here on purpose. Default false. */
  readonly adopt?: boolean
}

/** What the directory says of itself, in `identity.json`. */
interface Identity {
  readonly formatVersion: number
  readonly processId: string
  readonly applicationId: string
  readonly clusterId: string
  readonly topology: string
  /** `Disk.identity` of the lock file, which is made once and never replaced: in a copy of the directory it is another file. */
  readonly lockFile: string
  /** Things that may never change under an application, such as the partition count of an input topic. */
  readonly facts: Readonly<Record<string, string>>
}

const FORMAT_VERSION = 1

/**
 * The folder where a process keeps its stores and its identity. It is locked for as long as the process lives, by a lock of the operating system: two processes never share
 * it, and after `kill -9` it is free at once. The process id in it makes a restart the same member of the group, with the same transactional ids.
 *
 * Two instances with one identity would fence each other for ever, so a copy is refused; so is a directory of another cluster, application, format or set of stores:
 * what it holds is not the state of this application.
 */
export class StateDirectory {
  readonly #options: StateDirectoryOptions
  readonly #lock: DiskLock
  #identity: Identity

  private constructor(options: StateDirectoryOptions, lock: DiskLock, identity: Identity) {
    this.#options = options
    this.#lock = lock
    this.#identity = identity
  }

  /** Locks the directory and checks it. Throws `StateDirectoryError`. */
  static async open(options: StateDirectoryOptions): Promise<StateDirectory> {
    const { disk, path } = options
    await disk.makeDirectory(path)
    const lockPath = join(path, 'lock')
    const lock = await disk.lock(lockPath)
    if (lock === undefined) {
      throw new StateDirectoryError(`state directory ${path} is in use by another process; stop that one first, or give this one another data.dir (two processes of one application on one machine need two)`)
    }
    try {
      const identity = await identify(options, await disk.identity(lockPath))
      return new StateDirectory(options, lock, identity)
    } catch (error) {
      await lock.release()
      throw error
    }
  }

  /** A UUID, made at the first start and kept for ever. */
  get processId(): string {
    return this.#identity.processId
  }

  /** Folder of the stores. */
  get storesPath(): string {
    return join(this.#options.path, 'tasks')
  }

  /** Records a fact the first time; answers what is recorded. */
  async recordOnce(name: string, value: string): Promise<string> {
    const recorded = this.#identity.facts[name]
    if (recorded !== undefined) return recorded
    this.#identity = { ...this.#identity, facts: { ...this.#identity.facts, [name]: value } }
    await write(this.#options, this.#identity)
    return value
  }

  release(): Promise<void> {
    return this.#lock.release()
  }
}

async function identify(options: StateDirectoryOptions, lockFile: string): Promise<Identity> {
  const { disk, path, random, applicationId, clusterId, topology } = options
  const found = await disk.read(join(path, 'identity.json'))
  if (found === undefined) {
    const stores = await disk.list(join(path, 'tasks'))
    if (stores.length > 0) throw new StateDirectoryError(`state directory ${path} holds stores of ${stores.length} tasks, but no identity.json: whose they are is not known. Put the file back, or move the directory away; the stores are then rebuilt from their changelogs`)
    const identity: Identity = { formatVersion: FORMAT_VERSION, processId: random.uuid(), applicationId, clusterId, topology, lockFile, facts: {} }
    await write(options, identity)
    return identity
  }
  const identity = parse(found, path)
  check(identity, options, lockFile)
  if (identity.lockFile === lockFile) return identity
  // A copy that is taken over becomes a process of its own: the original may still run.
  const adopted: Identity = { ...identity, lockFile, processId: random.uuid() }
  await write(options, adopted)
  return adopted
}

function check(identity: Identity, options: StateDirectoryOptions, lockFile: string): void {
  const { path, applicationId, clusterId, topology, adopt } = options
  const refuse = (what: string, found: string, expected: string, remedy: string) => {
    throw new StateDirectoryError(`state directory ${path} is of another ${what}: found ${found}, expected ${expected}. ${remedy}`)
  }
  const elsewhere = 'Name another data.dir, or move this directory away; the stores are then rebuilt from their changelogs'
  if (identity.formatVersion > FORMAT_VERSION) refuse('format version', String(identity.formatVersion), `at most ${FORMAT_VERSION}`, 'It was written by a newer release: start that one')
  if (identity.applicationId !== applicationId) refuse('application', identity.applicationId, applicationId, elsewhere)
  if (identity.clusterId !== clusterId) refuse('Kafka cluster', identity.clusterId, clusterId, `Check kafka.brokers. ${elsewhere}`)
  if (identity.topology !== topology) refuse('set of stores', identity.topology, topology, elsewhere)
  if (identity.lockFile !== lockFile && adopt !== true) {
    throw new StateDirectoryError(
      `state directory ${path} is a copy: it was made elsewhere (${identity.lockFile}, here ${lockFile}). Were the original and the copy to run at once, each would fence the other. If the original is gone, start once with state.adopt=true; otherwise move the copy away`,
    )
  }
}

function parse(content: Buffer, path: string): Identity {
  try {
    const value: unknown = JSON.parse(content.toString())
    if (typeof value === 'object' && value !== null && 'formatVersion' in value && 'processId' in value && 'lockFile' in value) {
      // Written by `write` below; the fields that decide are looked at one by one in `check`.
      return { ...(value as Identity), facts: 'facts' in value ? ((value as Identity).facts ?? {}) : {} }
    }
  } catch {
    // Said below, with what to do.
  }
  throw new StateDirectoryError(`identity.json in state directory ${path} cannot be read: found ${content.length} bytes that are no identity. Put the file back, or move the directory away; the stores are then rebuilt from their changelogs`)
}

function write({ disk, path }: StateDirectoryOptions, identity: Identity): Promise<void> {
  return disk.replace(join(path, 'identity.json'), Buffer.from(`${JSON.stringify(identity, undefined, 2)}\n`))
}
