import { appendFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { dayAfter } from '../../../bench/workload/mixed-trades.ts'
import { type EmbeddedStack, startStack } from '../../../dev/stack.ts'
import { freePorts } from '../../../dev/stack/free-ports.ts'
import { MongoSet } from '../../../dev/stack/mongo-set.ts'
import type { Service } from '../../../dev/stack/service.ts'
import { KafkaTap, TextTap } from '../../support/answer-taps.ts'
import { TcpProxy } from '../../support/tcp-proxy.ts'
import { TradeEnvironment } from '../../support/trade-environment.ts'
import { Fleet, type Member } from './fleet.ts'
import { SmallDisk } from './small-disk.ts'

const FIRST_BUSINESS_DATE = '2026-12-11'
const BROKERS = 3
const MONGO_MEMBERS = 3
/** A name of its own: without one each role would choose. */
const MONGO_DATABASE = 'chaos'
const HEAP_MB = 256

/**
 * Shorter than in production, in the same order: an open transaction of a dead processor is over before its session is. The stores are small, so that they are compacted
 * under way.
 */
export const TIMES = { sessionTimeoutMs: 6_000, rebalanceTimeoutMs: 10_000, transactionTimeoutMs: 4_000 } as const
const BROKER_SETTINGS = {
  'transaction.abort.timed.out.transaction.cleanup.interval.ms': '500',
  // Leaders go back to the brokers that are first in the list of replicas.
  'leader.imbalance.check.interval.seconds': '1',
}

export interface WorldProxies {
  readonly brokers: readonly TcpProxy[]
  readonly postgres: TcpProxy
  /** Of each member of the replica set. The members reach each other through them too. */
  readonly mongo: readonly TcpProxy[]
}

/** The processor whose folder is on a disk of its own, if the machine lets us mount one. */
export const SMALL_DISK_MEMBER = 'p1'

/** Everything that there is: brokers, databases, proxies before them, the trade store's roles. */
export class ChaosWorld {
  readonly stack: EmbeddedStack
  readonly mongo: MongoSet
  readonly proxies: WorldProxies
  readonly environment: TradeEnvironment
  readonly fleet: Fleet
  readonly smallDisk: SmallDisk | undefined
  /** Why a role may end by itself at the moment. Set by the nemesis. */
  readonly excuses: { start: string | undefined; smallDisk: string | undefined }
  /** Past the proxies. Of MongoDB each member: they know each other, and are known, by the proxies only. */
  readonly direct: { readonly brokers: string; readonly postgres: string; readonly mongo: readonly string[] }
  /** Those that there were so far, the last one in force. */
  readonly businessDates: string[] = [FIRST_BUSINESS_DATE]
  /** `host:port` of the gateway. */
  readonly listen: string

  private constructor(parts: Pick<ChaosWorld, 'stack' | 'mongo' | 'proxies' | 'environment' | 'smallDisk' | 'direct' | 'listen'> & { proxiedBrokers: string }) {
    this.stack = parts.stack
    this.mongo = parts.mongo
    this.proxies = parts.proxies
    this.environment = parts.environment
    this.smallDisk = parts.smallDisk
    this.direct = parts.direct
    this.listen = parts.listen
    this.excuses = { start: undefined, smallDisk: undefined }
    this.fleet = new Fleet(parts.environment, { brokers: parts.proxiedBrokers, listen: parts.listen, businessDate: () => this.businessDate, excuse: (member, started) => this.#excuse(member, started) })
  }

  static async create({ folder, partitions }: { folder: string; partitions: number }): Promise<ChaosWorld> {
    const ports = await freePorts(2 * (BROKERS + MONGO_MEMBERS))
    const pairs = Array.from({ length: BROKERS + MONGO_MEMBERS }, (_, at) => ({ listen: ports[2 * at] ?? 0, advertised: ports[2 * at + 1] ?? 0 }))
    const proxied = pairs.slice(0, BROKERS)
    const members = pairs.slice(BROKERS)
    const brokerProxies = await Promise.all(proxied.map(({ listen, advertised }, at) => TcpProxy.listen({ name: `broker ${at + 1}`, listenPort: advertised, targetPort: listen, tap: () => new KafkaTap() })))
    const mongoProxies = await Promise.all(members.map(({ listen, advertised }, at) => TcpProxy.listen({ name: `MongoDB ${at + 1}`, listenPort: advertised, targetPort: listen, tap: () => new TextTap() })))
    const mongo = await MongoSet.start({ dataDir: join(folder, 'mongo'), members })
    const own = { mongo: mongo.url(MONGO_DATABASE) }
    const stack = await startStack({ dataDir: join(folder, 'stack'), brokers: 3, kafkaHeapMb: HEAP_MB, kafkaQuickCompiler: true, kafkaProxied: proxied, kafkaSettings: BROKER_SETTINGS, own })
    const postgres = await proxyBefore('PostgreSQL', stack.postgres)
    const data = rolesFolder(folder)
    mkdirSync(data)
    const smallDisk = SmallDisk.mount(smallDiskFolder(folder))
    const log = join(folder, 'roles.log')
    const environment = await TradeEnvironment.create({
      folder: data,
      brokers: stack.brokers,
      databases: { postgres: postgres.url, mongo: own.mongo },
      settings: {
        'topics.partitions': String(partitions),
        'membership.sessionTimeoutMs': String(TIMES.sessionTimeoutMs),
        'membership.rebalanceTimeoutMs': String(TIMES.rebalanceTimeoutMs),
        'transaction.timeoutMs': String(TIMES.transactionTimeoutMs),
        'state.segmentBytes': '65536',
      },
      onLine: (line) => appendFileSync(log, `${new Date().toISOString()} ${line}\n`),
    })
    const proxies = { brokers: brokerProxies, postgres: postgres.proxy, mongo: mongoProxies }
    const [port = 0] = await freePorts(1)
    const direct = { brokers: stack.brokers, postgres: stack.postgres, mongo: mongo.directUrls(MONGO_DATABASE) }
    return new ChaosWorld({ stack, mongo, proxies, environment, smallDisk, direct, listen: `127.0.0.1:${port}`, proxiedBrokers: proxied.map(({ advertised }) => `127.0.0.1:${advertised}`).join(',') })
  }

  get brokers(): readonly Service[] {
    return this.stack.services.kafka?.nodes ?? []
  }

  get businessDate(): string {
    return this.businessDates.at(-1) ?? FIRST_BUSINESS_DATE
  }

  /** For processors that are started from now on. */
  turnBusinessDate(): void {
    this.businessDates.push(dayAfter(this.businessDate, 1))
  }

  /** Brokers and databases. */
  get services(): readonly Service[] {
    const { postgres } = this.stack.services
    return [...this.brokers, ...(postgres === undefined ? [] : [postgres]), ...this.mongo.members]
  }

  get allProxies(): readonly TcpProxy[] {
    return [...this.proxies.brokers, this.proxies.postgres, ...this.proxies.mongo]
  }

  /** Of each partition every broker has a copy, and every member of MongoDB is in its place. */
  async allInSync(): Promise<boolean> {
    if (!(await this.mongo.isWhole())) return false
    const { topics } = await this.environment.client.broker.metadata(undefined)
    return topics.every(({ partitions }) => partitions.every(({ inSyncReplicas }) => inSyncReplicas.length === BROKERS))
  }

  /** Ends all of it, by force: what is to be seen is in files. */
  async close(): Promise<void> {
    this.fleet.abandon()
    await this.environment.abandon()
    for (const proxy of this.allProxies) await proxy.close()
    await Promise.all(this.services.map((service) => service.stop('kill')))
    await this.stack.stop()
    this.smallDisk?.unmount()
  }

  #excuse({ name }: Member, started: boolean): string | undefined {
    if (name === SMALL_DISK_MEMBER && this.excuses.smallDisk !== undefined) return this.excuses.smallDisk
    return started ? undefined : this.excuses.start
  }
}

/** Where the small disk of a run is mounted. */
export function smallDiskFolder(folder: string): string {
  return join(rolesFolder(folder), SMALL_DISK_MEMBER)
}

function rolesFolder(folder: string): string {
  return join(folder, 'roles')
}

async function proxyBefore(name: string, url: string): Promise<{ proxy: TcpProxy; url: string }> {
  const [listenPort = 0] = await freePorts(1)
  const proxied = new URL(url)
  const proxy = await TcpProxy.listen({ name, listenPort, targetPort: Number(proxied.port), tap: () => new TextTap() })
  proxied.port = String(listenPort)
  return { proxy, url: proxied.href }
}
