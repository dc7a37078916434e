import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type Document, MongoClient, MongoError } from 'mongodb'
import { ensureMongo } from '../bootstrap/mongo.js'
import { progressToTerminal } from '../bootstrap/progress.js'
import { isOpen, MONGO_FLAGS, REPLICA_SET } from './mongo.ts'
import { Service } from './service.ts'
import { killLeftovers, serviceFiles } from './service-files.ts'

export interface MongoSetOptions {
  /** Absolute path of a new folder. */
  readonly dataDir: string
  /** Of each member the port that it listens on, and the one by which clients and the other members know it: a proxy that has to be there already. */
  readonly members: readonly { readonly listen: number; readonly advertised: number }[]
  readonly onProgress?: (line: string) => void
}

/** A member that is the primary, a secondary, or neither at the moment; `undefined`: it does not answer. */
export type MemberState = 'primary' | 'secondary' | 'other' | undefined

/** Much shorter than MongoDB's own ten seconds, and longer than what a busy machine keeps a member waiting. */
const ELECTION_TIMEOUT_MS = 5_000
const FOUNDED_WITHIN_MS = 120_000

/** A MongoDB replica set of several members on loopback. Each is a process that can be stopped, killed and started again. */
export class MongoSet {
  readonly members: readonly Service[]
  readonly #ports: readonly number[]
  readonly #advertised: readonly number[]

  private constructor(members: readonly Service[], { members: ports }: MongoSetOptions) {
    this.members = members
    this.#ports = ports.map(({ listen }) => listen)
    this.#advertised = ports.map(({ advertised }) => advertised)
  }

  static async start(options: MongoSetOptions): Promise<MongoSet> {
    const { dataDir, members, onProgress = progressToTerminal } = options
    const mongod = await ensureMongo(onProgress)
    await killLeftovers(dataDir, 'mongo')
    const set = new MongoSet(members.map(({ listen }, at) => memberService(mongod, dataDir, { number: at + 1, listen })), options)
    try {
      await Promise.all(set.members.map((member) => member.start()))
      await set.#found(members.map(({ advertised }, at) => ({ _id: at, host: `127.0.0.1:${advertised}` })))
      return set
    } catch (error) {
      await Promise.all(set.members.map((member) => member.stop('kill')))
      throw error
    }
  }

  /** A database of the whole set, by the ports that are advertised. */
  url(database: string): string {
    return `mongodb://${this.#advertised.map((port) => `127.0.0.1:${port}`).join(',')}/${database}?replicaSet=${REPLICA_SET}&w=majority`
  }

  /** Past the proxies: of each member, whatever it is at the moment. */
  directUrls(database: string): string[] {
    return this.#ports.map((port) => `mongodb://127.0.0.1:${port}/${database}?directConnection=true`)
  }

  /** What each member says of itself. */
  states(): Promise<MemberState[]> {
    return Promise.all(this.#ports.map((port) => stateOf(port)))
  }

  /** `undefined`: there is none at the moment. */
  async primary(): Promise<Service | undefined> {
    const states = await this.states()
    return this.members[states.indexOf('primary')]
  }

  async isWhole(): Promise<boolean> {
    const states = await this.states()
    return states.filter((state) => state === 'primary').length === 1 && states.every((state) => state === 'primary' || state === 'secondary')
  }

  /** The primary is told to let another one be it. Without one, or where no other is fit, nothing happens. */
  async stepDown(): Promise<void> {
    const states = await this.states()
    const at = states.indexOf('primary')
    if (at < 0) return
    await commanded(this.#ports[at] ?? 0, { replSetStepDown: 10, secondaryCatchUpPeriodSecs: 5 }).catch((error: unknown) => {
      if (!(error instanceof MongoError)) throw error
    })
  }

  async stop(how: 'term' | 'kill'): Promise<void> {
    await Promise.all(this.members.map((member) => member.stop(how)))
  }

  async #found(members: readonly Document[]): Promise<void> {
    const settings = { electionTimeoutMillis: ELECTION_TIMEOUT_MS, heartbeatIntervalMillis: 1_000 }
    await commanded(this.#ports[0] ?? 0, { replSetInitiate: { _id: REPLICA_SET, members, settings } })
    const deadlineMs = performance.now() + FOUNDED_WITHIN_MS
    while (!(await this.isWhole())) {
      if (performance.now() > deadlineMs) throw new Error(`the replica set of MongoDB was not whole after ${FOUNDED_WITHIN_MS / 1000} s: its members are ${(await this.states()).join(', ')}`)
      await delay(50)
    }
  }
}

function memberService(mongod: string, dataDir: string, { number, listen }: { number: number; listen: number }): Service {
  const data = join(dataDir, `mongo-${number}`)
  return new Service({
    name: `MongoDB ${number}`,
    ...serviceFiles(dataDir, `mongo-${number}`),
    command: [mongod, '--dbpath', data, '--port', String(listen), '--bind_ip', '127.0.0.1', '--replSet', REPLICA_SET, ...MONGO_FLAGS],
    stopSignal: 'SIGTERM',
    // a primary that is told to stop first looks for another one; killing loses nothing
    deathSignal: 'SIGKILL',
    prepare: () => void mkdirSync(data, { recursive: true }),
    // not more: whether it finds the others, and itself, depends on the way to them
    ready: async () => (await isOpen(listen)) && (await stateOf(listen)) !== undefined,
  })
}

async function stateOf(port: number): Promise<MemberState> {
  try {
    const { isWritablePrimary, secondary } = await commanded(port, { hello: 1 })
    return isWritablePrimary ? 'primary' : secondary ? 'secondary' : 'other'
  } catch (error) {
    if (error instanceof MongoError) return undefined
    throw error
  }
}

async function commanded(port: number, command: Document): Promise<Document> {
  const client = new MongoClient(`mongodb://127.0.0.1:${port}/?directConnection=true`, { serverSelectionTimeoutMS: 2_000, connectTimeoutMS: 2_000, socketTimeoutMS: 20_000 })
  try {
    return await client.db('admin').command(command)
  } finally {
    await client.close()
  }
}
