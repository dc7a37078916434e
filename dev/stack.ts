import { join, resolve } from 'node:path'
import { type FileLock, lockFile } from './bootstrap/file-lock.js'
import { progressToTerminal, SetupError } from './bootstrap/progress.js'
import { ensureServices } from './bootstrap/services.js'
import { type BrokerProxy, type KafkaCluster, startKafka } from './stack/kafka.ts'
import { type MongoServer, startMongo } from './stack/mongo.ts'
import { type PostgresServer, startPostgres } from './stack/postgres.ts'
import type { Service } from './stack/service.ts'
import { clearData, killLeftovers } from './stack/service-files.ts'

export interface StackOptions {
  /** Folder of all data. A second start with the same folder goes on with the data, on the same ports if they are free. */
  readonly dataDir: string
  /** Begin with empty services. Default: false. */
  readonly fresh?: boolean
  /** One broker, or three with every partition on each of them. Default: 1. */
  readonly brokers?: 1 | 3
  /** Further settings of every broker. */
  readonly kafkaSettings?: Readonly<Record<string, string>>
  /** Heap of each broker. Default: 512. */
  readonly kafkaHeapMb?: number
  /** See `KafkaOptions`. */
  readonly kafkaQuickCompiler?: boolean
  /** A proxy before each broker, in the order of their ids; `EmbeddedStack.brokers` goes past them. */
  readonly kafkaProxied?: readonly BrokerProxy[]
  /** Services of one's own: what has an address here is not started, nor installed. */
  readonly own?: { readonly brokers?: string | undefined; readonly postgres?: string | undefined; readonly mongo?: string | undefined }
  /** Told what is being installed and started. Default: lines on standard error. */
  readonly onProgress?: (line: string) => void
}

/** Apache Kafka, PostgreSQL and MongoDB, real ones, on loopback, as child processes that cannot outlive this one. */
export interface EmbeddedStack {
  /** Bootstrap servers, `host:port,host:port`. */
  readonly brokers: string
  /** Connection URL. */
  readonly postgres: string
  /** Connection URL. */
  readonly mongo: string
  /** The embedded servers, to be stopped, killed and started again, on the same ports. `undefined`: one's own. */
  readonly services: { readonly kafka: KafkaCluster | undefined; readonly postgres: Service | undefined; readonly mongo: Service | undefined }
  /** The processes that run at the moment. */
  readonly pids: readonly number[]
  /** Ends all of them, in order, within 10 seconds. Safe to call twice. */
  stop(): Promise<void>
}

/**
 * Starts the stack, and installs it where that is still to be done. What a predecessor on the same data left running is ended.
 *
 * @throws where another stack that lives uses the folder, where something is missing, and where a server does not come up.
 */
export async function startStack(options: StackOptions): Promise<EmbeddedStack> {
  const dataDir = resolve(options.dataDir)
  const onProgress = options.onProgress ?? progressToTerminal
  // a predecessor that was killed a moment ago gives its lock back within milliseconds
  const lock = await lockFile(join(dataDir, 'stack.lock'), 2000)
  if (lock === undefined) throw new SetupError(`Another embedded stack runs on ${dataDir}. Stop it, or choose another folder.`)
  try {
    await killLeftovers(dataDir)
    if (options.fresh) clearData(dataDir)
    const own = options.own ?? {}
    await ensureServices({ kafka: own.brokers === undefined, mongo: own.mongo === undefined }, onProgress)
    const servers = await startServers(dataDir, options, onProgress)
    return describeStack(servers, own, lock)
  } catch (error) {
    await lock.release()
    throw error
  }
}

interface Servers {
  readonly kafka: KafkaCluster | undefined
  readonly postgres: PostgresServer | undefined
  readonly mongo: MongoServer | undefined
}

/** All at once. If one fails, the others are ended: nothing stays behind that nobody knows of. */
async function startServers(dataDir: string, options: StackOptions, onProgress: (line: string) => void): Promise<Servers> {
  const { own = {}, brokers, kafkaSettings: settings, kafkaHeapMb: heapMb, kafkaProxied: proxied, kafkaQuickCompiler: quickCompiler } = options
  const [kafka, postgres, mongo] = await Promise.allSettled([
    own.brokers === undefined ? startKafka({ dataDir, brokers, settings, heapMb, proxied, quickCompiler, onProgress }) : undefined,
    own.postgres === undefined ? startPostgres({ dataDir }) : undefined,
    own.mongo === undefined ? startMongo({ dataDir, onProgress }) : undefined,
  ])
  if (kafka.status === 'fulfilled' && postgres.status === 'fulfilled' && mongo.status === 'fulfilled') {
    return { kafka: kafka.value, postgres: postgres.value, mongo: mongo.value }
  }
  if (kafka.status === 'fulfilled') await kafka.value?.stop('kill')
  if (postgres.status === 'fulfilled') await postgres.value?.service.stop('kill')
  if (mongo.status === 'fulfilled') await mongo.value?.service.stop('kill')
  throw [kafka, postgres, mongo].find((outcome) => outcome.status === 'rejected')?.reason
}

function describeStack({ kafka, postgres, mongo }: Servers, own: NonNullable<StackOptions['own']>, lock: FileLock): EmbeddedStack {
  const processes = [...(kafka?.nodes ?? []), ...(postgres ? [postgres.service] : []), ...(mongo ? [mongo.service] : [])]
  let stopped: Promise<void> | undefined
  return {
    brokers: kafka?.brokers ?? own.brokers ?? '',
    postgres: postgres?.url ?? own.postgres ?? '',
    mongo: mongo?.url ?? own.mongo ?? '',
    services: { kafka, postgres: postgres?.service, mongo: mongo?.service },
    get pids() {
      return processes.flatMap(({ pid }) => pid ?? [])
    },
    stop() {
      stopped ??= Promise.all([kafka?.stop('term'), postgres?.service.stop('term'), mongo?.service.stop('term')]).then(() => lock.release())
      return stopped
    },
  }
}
