import { mkdirSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { MongoClient, MongoError, MongoServerError } from 'mongodb'
import { ensureMongo } from '../bootstrap/mongo.js'
import { progressToTerminal } from '../bootstrap/progress.js'
import { Service } from './service.ts'
import { killLeftovers, serviceFiles, servicePorts } from './service-files.ts'

export interface MongoServer {
  readonly url: string
  readonly service: Service
}

/** Starts a MongoDB replica set of one member on a free loopback port: transactions and change streams need one. `dataDir` is an absolute path. */
export async function startMongo({ dataDir, onProgress = progressToTerminal }: { dataDir: string; onProgress?: (line: string) => void }): Promise<MongoServer> {
  const mongod = await ensureMongo(onProgress)
  const data = join(dataDir, 'mongo')
  await killLeftovers(dataDir, 'mongo')
  const [port = 0] = await servicePorts(dataDir, 'mongo', 1)
  const service = new Service({
    name: 'MongoDB',
    ...serviceFiles(dataDir, 'mongo'),
    command: [mongod, '--dbpath', data, '--port', String(port), '--bind_ip', '127.0.0.1', '--replSet', REPLICA_SET, ...MONGO_FLAGS],
    stopSignal: 'SIGTERM',
    deathSignal: 'SIGTERM',
    prepare: () => void mkdirSync(data, { recursive: true }),
    ready: async () => (await isOpen(port)) && (await isPrimary(port)),
  })
  await service.start()
  return { service, url: urlOf(port) }
}

export const REPLICA_SET = 'rs0'

export const MONGO_FLAGS: readonly string[] = [
  ...['--wiredTigerCacheSizeGB', '0.25', '--oplogSize', '64', '--nounixsocket'],
  // 8 MB on disk instead of 302
  ...['--wiredTigerEngineConfigString', 'log=(prealloc=false,file_max=8MB)'],
  ...['--setParameter', 'diagnosticDataCollectionEnabled=false'],
  // failCommand: real errors on demand
  ...['--setParameter', 'enableTestCommands=1'],
  // so that tests of expiry need not wait a minute
  ...['--setParameter', 'ttlMonitorSleepSecs=1'],
]

function urlOf(port: number): string {
  return `mongodb://127.0.0.1:${port}/?directConnection=true`
}

/** The driver would look again every half second until its time is up. */
export function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

/** Founds the replica set where there is none yet, and moves it to our port where the last run had another. */
async function isPrimary(port: number): Promise<boolean> {
  const client = new MongoClient(urlOf(port), { serverSelectionTimeoutMS: 10_000 })
  const host = `127.0.0.1:${port}`
  const member = { _id: REPLICA_SET, members: [{ _id: 0, host }] }
  try {
    const admin = client.db('admin')
    const hello = await admin.command({ hello: 1 })
    if (hello['isWritablePrimary'] && hello['me'] === host) return true
    const status = await admin.command({ replSetGetStatus: 1 }).catch((error: unknown) => {
      if (error instanceof MongoServerError) return { code: error.codeName }
      throw error
    })
    if (status.code === 'NotYetInitialized') await admin.command({ replSetInitiate: member })
    if (status.code === 'InvalidReplicaSetConfig') await admin.command({ replSetReconfig: { ...member, version: 1 + Math.floor(Date.now() / 1000) }, force: true })
    return false
  } catch (error) {
    // still starting: what goes wrong for good ends the process, or the time to get ready
    if (error instanceof MongoError) return false
    throw error
  } finally {
    await client.close()
  }
}
