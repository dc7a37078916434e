import { appendFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type EmbeddedStack, startStack } from '../../../dev/stack.ts'
import { freePorts } from '../../../dev/stack/free-ports.ts'
import type { Service } from '../../../dev/stack/service.ts'
import { KafkaTap, TextTap } from '../../support/answer-taps.ts'
import { TcpProxy } from '../../support/tcp-proxy.ts'
import { TradeEnvironment } from '../../support/trade-environment.ts'
import { Fleet, type Member } from './fleet.ts'
import { SmallDisk } from './small-disk.ts'

export const BUSINESS_DATE = '2026-12-11'
const BROKERS = 3
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
  readonly mongo: TcpProxy
}

/** The processor whose folder is on a disk of its own, if the machine lets us mount one. */
export const SMALL_DISK_MEMBER = 'p1'

/** Everything that there is: brokers, databases, proxies before them, the trade store's roles. */
export class ChaosWorld {
  readonly stack: EmbeddedStack
  readonly proxies: WorldProxies
  readonly environment: TradeEnvironment
  readonly fleet: Fleet
  readonly smallDisk: SmallDisk | undefined
  /** Why a role may end by itself at the moment. Set by the nemesis. */
  readonly excuses: { start: string | undefined; smallDisk: string | undefined }
  /** Past the proxies. */
  readonly direct: { readonly brokers: string; readonly postgres: string; readonly mongo: string }
  /** `host:port` of the gateway. */
  readonly listen: string

  private constructor(parts: Pick<ChaosWorld, 'stack' | 'proxies' | 'environment' | 'smallDisk' | 'direct' | 'listen'> & { proxiedBrokers: string }) {
    this.stack = parts.stack
    this.proxies = parts.proxies
    this.environment = parts.environment
    this.smallDisk = parts.smallDisk
    this.direct = parts.direct
    this.listen = parts.listen
    this.excuses = { start: undefined, smallDisk: undefined }
    this.fleet = new Fleet(parts.environment, { brokers: parts.proxiedBrokers, listen: parts.listen, excuse: (member, started) => this.#excuse(member, started) })
  }

  static async create({ folder, partitions }: { folder: string; partitions: number }): Promise<ChaosWorld> {
    const brokerPorts = await freePorts(2 * BROKERS)
    const proxied = Array.from({ length: BROKERS }, (_, at) => ({ listen: brokerPorts[2 * at] ?? 0, advertised: brokerPorts[2 * at + 1] ?? 0 }))
    const brokerProxies = await Promise.all(proxied.map(({ listen, advertised }, at) => TcpProxy.listen({ name: `broker ${at + 1}`, listenPort: advertised, targetPort: listen, tap: () => new KafkaTap() })))
    const stack = await startStack({ dataDir: join(folder, 'stack'), brokers: 3, kafkaHeapMb: HEAP_MB, kafkaQuickCompiler: true, kafkaProxied: proxied, kafkaSettings: BROKER_SETTINGS })
    const postgres = await proxyBefore('PostgreSQL', stack.postgres)
    const mongo = await proxyBefore('MongoDB', stack.mongo)
    const data = rolesFolder(folder)
    mkdirSync(data)
    const smallDisk = SmallDisk.mount(smallDiskFolder(folder))
    const log = join(folder, 'roles.log')
    const environment = await TradeEnvironment.create({
      folder: data,
      brokers: stack.brokers,
      databases: { postgres: postgres.url, mongo: databaseOf(mongo.url) },
      settings: {
        'business.date': BUSINESS_DATE,
        'topics.partitions': String(partitions),
        'membership.sessionTimeoutMs': String(TIMES.sessionTimeoutMs),
        'membership.rebalanceTimeoutMs': String(TIMES.rebalanceTimeoutMs),
        'transaction.timeoutMs': String(TIMES.transactionTimeoutMs),
        'state.segmentBytes': '65536',
      },
      onLine: (line) => appendFileSync(log, `${new Date().toISOString()} ${line}\n`),
    })
    const proxies = { brokers: brokerProxies, postgres: postgres.proxy, mongo: mongo.proxy }
    const [port = 0] = await freePorts(1)
    const direct = { brokers: stack.brokers, postgres: stack.postgres, mongo: databaseOf(stack.mongo) }
    return new ChaosWorld({ stack, proxies, environment, smallDisk, direct, listen: `127.0.0.1:${port}`, proxiedBrokers: proxied.map(({ advertised }) => `127.0.0.1:${advertised}`).join(',') })
  }

  get brokers(): readonly Service[] {
    return this.stack.services.kafka?.nodes ?? []
  }

  get allProxies(): readonly TcpProxy[] {
    return [...this.proxies.brokers, this.proxies.postgres, this.proxies.mongo]
  }

  async allInSync(): Promise<boolean> {
    const { topics } = await this.environment.client.broker.metadata(undefined)
    return topics.every(({ partitions }) => partitions.every(({ inSyncReplicas }) => inSyncReplicas.length === BROKERS))
  }

  /** Ends all of it, by force: what is to be seen is in files. */
  async close(): Promise<void> {
    this.fleet.abandon()
    await this.environment.abandon()
    for (const proxy of this.allProxies) await proxy.close()
    const { postgres, mongo } = this.stack.services
    await Promise.all([...this.brokers, postgres, mongo].map((service) => service?.stop('kill')))
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

/** A database of its own: without a name each role would choose. */
function databaseOf(mongo: string): string {
  const url = new URL(mongo)
  url.pathname = '/chaos'
  return url.href
}
