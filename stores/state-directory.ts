import type { Disk, DiskLock } from '../ports/disk.ts'
import type { Random } from '../ports/random.ts'
import { IDENTITY_FILE, type DirectoryIdentity, readIdentity, writeIdentity } from './directory-identity.ts'
import { StateDirectoryError } from './state-directory-error.ts'
import { Turn } from './turn.ts'

export interface StateDirectoryOptions {
  readonly disk: Disk
  readonly random: Random
  /** The data directory of the process; the state lies in `<dataDirectory>/state/<applicationId>`. */
  readonly dataDirectory: string
  readonly applicationId: string
  readonly clusterId: string
  /** For each store of the topology a text that changes when its stored bytes cannot be read any more as they were meant, such as a format version. */
  readonly stores: ReadonlyMap<string, string>
  /** Takes over a directory that was copied or moved here on purpose. The original must never run again: both would be the same member. Default false. */
  readonly adopt?: boolean
}

/** What the process has to find again after a restart. */
interface Records {
  readonly stores: Record<string, string>
  readonly facts: Record<string, string>
  readonly instanceIds: readonly string[]
  readonly transactionalIds: readonly string[]
}

const LOCK_FILE = 'lock'
const RECORDS_FILE = 'records.json'
const STORES_DIRECTORY = 'stores'
/** What Kafka takes for names of groups and topics, and every file system for names of files. */
const SAFE_NAME = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,200}$/
const NO_RECORDS: Records = { stores: {}, facts: {}, instanceIds: [], transactionalIds: [] }

/**
 * The state of one process of an application on its disk, used by one process at a time:
 *
 *   <dataDirectory>/state/<applicationId>/
 *     lock                          operating system lock while the process lives
 *     identity.json                 who this is: written once
 *     records.json                  instance ids, transactional ids, facts, store descriptions
 *     stores/<store>/<partition>/   the files of a store
 *
 * A restart is the same member of the group, because identity and ids lie here. So a directory that belongs to somebody else, or is a copy, must never be used: it is refused, and left as it is.
 */
export class StateDirectory {
  readonly path: string
  /** UUID, kept for ever: part of the transactional ids and the instance ids. */
  readonly processId: string
  /** The process found no state here, and made the directory. */
  readonly isNew: boolean
  readonly #disk: Disk
  readonly #lock: DiskLock
  readonly #turn = new Turn()
  #records: Records

  private constructor(options: { path: string; identity: DirectoryIdentity; isNew: boolean; disk: Disk; lock: DiskLock; records: Records }) {
    this.path = options.path
    this.processId = options.identity.processId
    this.isNew = options.isNew
    this.#disk = options.disk
    this.#lock = options.lock
    this.#records = options.records
  }

  /**
   * Locks and checks the directory; creates it if it is not there.
   * @throws StateDirectoryError if it must not be used. It is then as it was before.
   */
  static async open(options: StateDirectoryOptions): Promise<StateDirectory> {
    const { disk, applicationId } = options
    for (const name of [applicationId, ...options.stores.keys()]) checkName(name)
    const path = `${options.dataDirectory}/state/${applicationId}`
    await disk.makeDirectory(path)
    const lock = await disk.lock(`${path}/${LOCK_FILE}`)
    if (lock === undefined) {
      throw new StateDirectoryError(
        'locked',
        `the state directory ${path} is in use by another process or instance. Expected: one process for each data directory. Stop the other one, or give this one a data directory of its own`,
      )
    }
    try {
      const found = await readIdentity(disk, path)
      const identity = found === undefined ? await create(options, path) : await check(options, path, found)
      const records = await recordsWith(options, path, await readRecords(disk, path))
      return new StateDirectory({ path, identity, isNew: found === undefined, disk, lock, records })
    } catch (error) {
      await lock.release()
      throw error
    }
  }

  /** Group instance ids that were used here; those that no thread takes leave the group at start. */
  get instanceIds(): readonly string[] {
    return this.#records.instanceIds
  }

  /** Transactional ids that were used here; each is initialised at start, so that transactions a crash has left open end. */
  get transactionalIds(): readonly string[] {
    return this.#records.transactionalIds
  }

  /** To be called before an id is used for the first time. */
  recordInstanceId(id: string): Promise<void> {
    return this.#update((records) => (records.instanceIds.includes(id) ? records : { ...records, instanceIds: [...records.instanceIds, id] }))
  }

  forgetInstanceId(id: string): Promise<void> {
    return this.#update((records) => ({ ...records, instanceIds: records.instanceIds.filter((other) => other !== id) }))
  }

  /** To be called before an id is used for the first time. */
  recordTransactionalId(id: string): Promise<void> {
    return this.#update((records) => (records.transactionalIds.includes(id) ? records : { ...records, transactionalIds: [...records.transactionalIds, id] }))
  }

  forgetTransactionalId(id: string): Promise<void> {
    return this.#update((records) => ({ ...records, transactionalIds: records.transactionalIds.filter((other) => other !== id) }))
  }

  /** Something that must never change while this state lives, such as the partition count of an input topic. */
  fact(name: string): string | undefined {
    return this.#records.facts[name]
  }

  /**
   * Records a fact, or checks it against what was recorded.
   * @throws StateDirectoryError if it was recorded with another value.
   */
  async recordOnce(name: string, value: string): Promise<void> {
    const recorded = this.fact(name)
    if (recorded === undefined) return this.#update((records) => ({ ...records, facts: { ...records.facts, [name]: value } }))
    if (recorded === value) return
    throw new StateDirectoryError(
      'changed',
      `${name} is ${value}, but the state in ${this.path} was built with ${recorded}. Restore what was (${recorded}), or reset the application: stop it, remove ${this.path}, and delete its changelog topics`,
    )
  }

  /** The directory of one store of one partition. It need not exist yet. */
  storePath(store: string, partition: number): string {
    checkName(store)
    return `${this.path}/${STORES_DIRECTORY}/${store}/${partition}`
  }

  /** The partitions of a store of which something is here: what a process holds already, it restores fastest. */
  async storedPartitions(store: string): Promise<number[]> {
    checkName(store)
    const names = await this.#disk.list(`${this.path}/${STORES_DIRECTORY}/${store}`)
    return names
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .sort((a, b) => a - b)
  }

  /** Releases the lock. Stores in the directory have to be closed before. */
  close(): Promise<void> {
    return this.#turn.run(() => this.#lock.release())
  }

  #update(change: (records: Records) => Records): Promise<void> {
    return this.#turn.run(async () => {
      const changed = change(this.#records)
      if (changed === this.#records) return
      await writeRecords(this.#disk, this.path, changed)
      this.#records = changed
    })
  }
}

async function create(options: StateDirectoryOptions, path: string): Promise<DirectoryIdentity> {
  const { disk, clusterId, applicationId } = options
  const stores = await disk.list(`${path}/${STORES_DIRECTORY}`)
  if (stores.length > 0) {
    throw new StateDirectoryError(
      'foreign',
      `${path} holds state (${stores.join(', ')}) but no ${IDENTITY_FILE}: nobody can say whose it is. Restore the file, or remove the directory to have the state rebuilt from the changelog topics`,
    )
  }
  return writeIdentity(disk, path, { clusterId, applicationId, processId: options.random.uuid() })
}

async function check(options: StateDirectoryOptions, path: string, found: DirectoryIdentity): Promise<DirectoryIdentity> {
  const { disk, clusterId, applicationId } = options
  if (found.applicationId !== applicationId) {
    throw new StateDirectoryError(
      'foreign',
      `the state in ${path} belongs to application ${found.applicationId}, expected ${applicationId}. Correct the application id or the data directory`,
    )
  }
  if (found.clusterId !== clusterId) {
    throw new StateDirectoryError(
      'foreign',
      `the state in ${path} was built from Kafka cluster ${found.clusterId}, the brokers that were reached are cluster ${clusterId}. Correct the broker addresses, or use another data directory for this cluster`,
    )
  }
  const self = await disk.identity(`${path}/${IDENTITY_FILE}`)
  if (found.self === self) return found
  if (options.adopt) return writeIdentity(disk, path, found)
  throw new StateDirectoryError(
    'copied',
    `the state in ${path} is a copy: its ${IDENTITY_FILE} is file ${self}, and was written as file ${found.self}. With two copies, two processes would be the same member of the group. ` +
      'If the original will never run again, start once with the option to adopt the directory; otherwise remove this copy, the state is rebuilt from the changelog topics',
  )
}

async function readRecords(disk: Disk, path: string): Promise<Records> {
  const content = await disk.read(`${path}/${RECORDS_FILE}`)
  if (content === undefined) return NO_RECORDS
  try {
    // Written by `writeRecords` only, in one piece.
    return { ...NO_RECORDS, ...(JSON.parse(content.toString('utf8')) as Partial<Records>) }
  } catch (error) {
    throw new StateDirectoryError(
      'damaged',
      `${path}/${RECORDS_FILE} cannot be read: ${String(error)}. Restore the file, or remove the directory to have the state rebuilt from the changelog topics`,
    )
  }
}

async function recordsWith(options: StateDirectoryOptions, path: string, records: Records): Promise<Records> {
  for (const [name, description] of options.stores) {
    const recorded = records.stores[name]
    if (recorded === undefined || recorded === description) continue
    throw new StateDirectoryError(
      'changed',
      `store ${name} in ${path} was written as "${recorded}", the topology now describes it as "${description}". Run the version that wrote it, or give the store another name: it is then built anew`,
    )
  }
  const stores = { ...records.stores, ...Object.fromEntries(options.stores) }
  const changed = { ...records, stores }
  if (JSON.stringify(changed) !== JSON.stringify(records)) await writeRecords(options.disk, path, changed)
  return changed
}

function writeRecords(disk: Disk, path: string, records: Records): Promise<void> {
  return disk.replace(`${path}/${RECORDS_FILE}`, Buffer.from(`${JSON.stringify(records, undefined, 2)}\n`))
}

function checkName(name: string): void {
  if (!SAFE_NAME.test(name))
    throw new StateDirectoryError(
      'name',
      `"${name}" cannot be the name of an application or a store: expected 1 to 200 letters, digits, dots, underscores or hyphens`,
    )
}
