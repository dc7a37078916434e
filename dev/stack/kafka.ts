import { randomBytes } from 'node:crypto'
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ensureKafka, kafkaFolder, type KafkaInstallation } from '../bootstrap/kafka.js'
import { progressToTerminal, SetupError } from '../bootstrap/progress.js'
import { classArchive } from './class-archive.ts'
import { Service } from './service.ts'
import { killLeftovers, serviceFiles, servicePorts } from './service-files.ts'

export interface KafkaOptions {
  /** Absolute path. */
  readonly dataDir: string
  /** One broker, or three with every partition on each of them. Default: 1. */
  readonly brokers?: 1 | 3 | undefined
  /** Further settings of every broker, for instance `{ 'log.segment.bytes': '1048576' }`. */
  readonly settings?: Readonly<Record<string, string>> | undefined
  /** Heap of each broker. Default: 512. */
  readonly heapMb?: number | undefined
  /** Only the quick one of the JVM's compilers: less processor time where a broker is often started and has little to do. Default: false. */
  readonly quickCompiler?: boolean | undefined
  /** Of each broker, in the order of their ids. Default: none. */
  readonly proxied?: readonly BrokerProxy[] | undefined
  /** Of what the brokers write to their log files. Default: WARN. */
  readonly logLevel?: 'WARN' | 'INFO' | 'DEBUG' | undefined
  readonly onProgress?: ((line: string) => void) | undefined
}

/** A further listener of a broker. Who comes to the port `listen` is told to find the broker at `advertised`, where a proxy is. */
export interface BrokerProxy {
  readonly listen: number
  readonly advertised: number
}

export interface KafkaCluster {
  /** Bootstrap servers, `host:port,host:port`. */
  readonly brokers: string
  /** Broker with node id n at n-1. Each is a controller too: with three, one may be down. */
  readonly nodes: readonly Service[]
  stop(how: 'term' | 'kill'): Promise<void>
}

/** Starts Kafka in KRaft mode on free loopback ports; makes its data if there is none. */
export async function startKafka(options: KafkaOptions): Promise<KafkaCluster> {
  const onProgress = options.onProgress ?? progressToTerminal
  const installation = await ensureKafka(onProgress)
  const train = (dataDir: string, flag: string) => trainingRun(installation, dataDir, flag)
  return startCluster(installation, options, { flags: await classArchive(installation, train, onProgress), stopWithinMs: 7_000 })
}

/** A broker that only starts and stops, so that the JVM can note what it needs for that. */
async function trainingRun(installation: KafkaInstallation, dataDir: string, flag: string): Promise<void> {
  const cluster = await startCluster(installation, { dataDir }, { flags: [flag], stopWithinMs: 60_000 })
  await cluster.stop('term')
}

async function startCluster(installation: KafkaInstallation, options: KafkaOptions, jvm: { flags: readonly string[]; stopWithinMs: number }): Promise<KafkaCluster> {
  const { dataDir, brokers: count = 1 } = options
  const folder = join(dataDir, 'kafka')
  await killLeftovers(dataDir, 'kafka')
  if (!existsSync(folder)) format(folder, count, installation.checkpoint)
  checkBrokerCount(folder, count)
  const ports = await servicePorts(dataDir, 'kafka', 2 * count)
  const nodes = Array.from({ length: count }, (_, at) => {
    const node = at + 1
    const settingsFile = join(folder, `broker-${node}.properties`)
    writeFileSync(settingsFile, brokerSettings({ node, ports, folder, proxied: options.proxied?.[at], further: options.settings ?? {} }))
    return new Service({
      name: count === 1 ? 'Kafka' : `Kafka broker ${node}`,
      ...serviceFiles(dataDir, `kafka-${node}`),
      command: [installation.java, '-cp', join(installation.jars, '*'), ...jvmFlags(options), ...jvm.flags, 'kafka.Kafka', settingsFile],
      stopSignal: 'SIGTERM',
      stopWithinMs: jvm.stopWithinMs,
      // three brokers that are all told to stop in order would wait for each other; killing loses nothing
      deathSignal: 'SIGKILL',
      ready: (log) => log.includes('Kafka Server started'),
    })
  })
  await startAll(nodes)
  return {
    brokers: nodes.map((_, at) => `127.0.0.1:${ports[2 * at]}`).join(','),
    nodes,
    stop: (how) => stopNodes(nodes, how),
  }
}

/** One that fails takes the others down with it: nothing stays behind that nobody knows of. */
async function startAll(nodes: readonly Service[]): Promise<void> {
  const outcomes = await Promise.allSettled(nodes.map((node) => node.start()))
  const failure = outcomes.find((outcome) => outcome.status === 'rejected')
  if (failure === undefined) return
  await stopNodes(nodes, 'kill')
  throw failure.reason
}

/** The flags of Kafka's own start script, and one more: a broker that is out of memory would hang half alive. */
function jvmFlags({ heapMb = 512, logLevel = 'WARN', quickCompiler = false }: KafkaOptions): string[] {
  const collector = ['-XX:+UseG1GC', '-XX:MaxGCPauseMillis=20', '-XX:InitiatingHeapOccupancyPercent=35', '-XX:+ExplicitGCInvokesConcurrent']
  const logging = [`-Dlog4j2.configurationFile=${join(kafkaFolder, 'log4j2.properties')}`, `-Dkafka.log.level=${logLevel}`]
  return [`-Xmx${heapMb}m`, '-server', ...(quickCompiler ? ['-XX:TieredStopAtLevel=1'] : []), ...collector, '-XX:+ExitOnOutOfMemoryError', '-Djava.awt.headless=true', ...logging]
}

interface BrokerOptions {
  readonly node: number
  readonly ports: readonly number[]
  readonly folder: string
  readonly proxied: BrokerProxy | undefined
  readonly further: Readonly<Record<string, string>>
}

function brokerSettings({ node, ports, folder, proxied, further }: BrokerOptions): string {
  const count = ports.length / 2
  const clientPort = ports[2 * node - 2]
  const controllerPort = ports[2 * node - 1]
  const inSync = count === 3 ? '2' : '1'
  // Voters that are listed here, not in the log, may have other ports in the next run
  const voters = Array.from({ length: count }, (_, at) => `${at + 1}@127.0.0.1:${ports[2 * at + 1]}`)
  const settings = {
    'node.id': String(node),
    ...listenerSettings(clientPort, controllerPort, proxied),
    'controller.quorum.voters': voters.join(','),
    'log.dirs': join(folder, String(node)),
    'default.replication.factor': String(count),
    'min.insync.replicas': inSync,
    'offsets.topic.replication.factor': String(count),
    'transaction.state.log.replication.factor': String(count),
    'transaction.state.log.min.isr': inSync,
    'share.coordinator.state.topic.replication.factor': String(count),
    'share.coordinator.state.topic.min.isr': inSync,
    ...further,
  }
  const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}`)
  return [readFileSync(join(kafkaFolder, 'broker.properties'), 'utf8'), ...lines, ''].join('\n')
}

/** Brokers talk to each other past the proxies. */
function listenerSettings(clientPort: number | undefined, controllerPort: number | undefined, proxied: BrokerProxy | undefined): Record<string, string> {
  const own = `PLAINTEXT://127.0.0.1:${clientPort}`
  const controller = `CONTROLLER://127.0.0.1:${controllerPort}`
  if (proxied === undefined) return { listeners: `${own},${controller}`, 'advertised.listeners': own }
  return {
    listeners: `${own},${controller},PROXIED://127.0.0.1:${proxied.listen}`,
    'advertised.listeners': `${own},PROXIED://127.0.0.1:${proxied.advertised}`,
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,PROXIED:PLAINTEXT',
  }
}

/** What Kafka's storage tool does, without its second of a JVM. Beside its place and then renamed, so that it is whole or not there. */
function format(folder: string, count: number, checkpoint: string): void {
  const unfinished = `${folder}.new`
  rmSync(unfinished, { recursive: true, force: true })
  const clusterId = uuid()
  for (let node = 1; node <= count; node++) {
    const directory = join(unfinished, String(node))
    mkdirSync(directory, { recursive: true })
    copyFileSync(checkpoint, join(directory, 'bootstrap.checkpoint'))
    writeFileSync(join(directory, 'meta.properties'), `version=1\ncluster.id=${clusterId}\nnode.id=${node}\ndirectory.id=${uuid()}\n`)
  }
  renameSync(unfinished, folder)
}

function checkBrokerCount(folder: string, count: number): void {
  const found = [1, 2, 3].filter((node) => existsSync(join(folder, String(node)))).length
  if (found !== count) throw new SetupError(`${folder} is the data of ${found} broker(s); ${count} asked for. Remove the folder, or start with --fresh.`)
}

/** Kafka's text form of a UUID. One that begins with a dash would read as a flag in its tools. */
function uuid(): string {
  const id = randomBytes(16).toString('base64url')
  return id.startsWith('-') ? uuid() : id
}

/**
 * One after the other: a broker asks the controllers before it stops, and when most of them are gone it would wait for them.
 * So the last two of three go hard. Their data bears it.
 */
async function stopNodes(nodes: readonly Service[], how: 'term' | 'kill'): Promise<void> {
  const [first, ...others] = nodes.filter((node) => node.pid !== undefined)
  await first?.stop(how)
  await Promise.all(others.map((node) => node.stop('kill')))
}
