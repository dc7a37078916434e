import { LogStore } from '../../stores/log-store/log-store.ts'
import { MemoryStore } from '../../stores/memory-store.ts'
import { StateDirectory } from '../../stores/state-directory.ts'
import { StateDirectoryError } from '../../stores/state-directory-error.ts'
import type { Broker } from '../../ports/broker.ts'
import type { Disk } from '../../ports/disk.ts'
import { ApplicationTopology } from '../application-topology.ts'
import type { CommitPaceOptions } from '../commit-pace.ts'
import type { StoreSupplier } from '../store-supplier.ts'
import { StreamThread } from '../stream-thread.ts'
import type { HeldMemory, ThreadSnapshot } from '../thread-statistics.ts'
import type { Scheduler } from './scheduler.ts'
import type { SeededRandom } from './seeded-random.ts'
import type { ClientFactory, SimulatedApplication } from './simulated-application.ts'
import { MachineDisk } from './simulated-disk.ts'
import { type NetworkConditions, ProcessNetwork, type SimulatedNetwork } from './simulated-network.ts'
import { SimulatedProcess } from './simulated-process.ts'
import type { Trace } from './trace.ts'

/** Settings of an instance, as the seed drew them. */
export interface InstanceSettings {
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  readonly transactionTimeoutMs: number
  readonly producers: 1 | 2
  readonly pace: CommitPaceOptions
  readonly maxBufferedBytes: number
  readonly maxTransactionBytes: number
  readonly segmentBytes: number
}

export interface InstanceOptions {
  readonly name: string
  /** Its network where nothing is wrong: some machines are farther away than others. */
  readonly calm: NetworkConditions
  readonly application: SimulatedApplication
  readonly partitionCounts: ReadonlyMap<string, number>
  readonly clusterId: string
  readonly settings: InstanceSettings
  readonly scheduler: Scheduler
  readonly random: SeededRandom
  readonly trace: Trace
  readonly brokerOf: (clientId: string, network: SimulatedNetwork) => Broker
  readonly connect: ClientFactory
  /** The stream thread ended by itself. */
  readonly failed: (reason: Error) => void
}

/** A process of the application as it runs. */
interface Run {
  readonly process: SimulatedProcess
  readonly network: ProcessNetwork
  readonly failpoint: (name: string) => Promise<void> | undefined
  thread: StreamThread | undefined
}

/** A supervisor starts what has ended again, after this. */
const RESTART_MS = 2_000
const DATA_DIRECTORY = '/data'
/** Where the lock is held by a process that is paused. */
const LOCKED_PAUSE_MS = 1_000
/** Stores of some kilobytes are to have snapshots too. */
const MAX_SNAPSHOT_BYTES = 20_000

/**
 * A machine with its disk, and the processes of the application that run on it, one after the other: the real stream thread on the real log store and the real Kafka client, on ports that can fail.
 *
 * ```
 * down -> starting -> up -> down       (killed, stopped, or ended by itself: then the supervisor starts it again)
 * ```
 */
export class SimulatedInstance {
  readonly name: string
  readonly disk: MachineDisk
  /** Processes that were started. */
  starts = 0
  /** Whether the supervisor starts it again. */
  isWanted = false
  readonly #options: InstanceOptions
  #run: Run | undefined
  #twin: Run | undefined
  #conditions: NetworkConditions
  #slowness = 1
  #clockOffsetMs = 0
  #armed: { readonly failpoint: string; left: number; readonly then: () => void }[] = []

  constructor(options: InstanceOptions) {
    this.#options = options
    this.name = options.name
    this.#conditions = options.calm
    this.disk = new MachineDisk({ scheduler: options.scheduler, random: options.random.fork('disk') })
  }

  get process(): SimulatedProcess | undefined {
    return this.#run?.process
  }

  get network(): ProcessNetwork | undefined {
    return this.#run?.network
  }

  get snapshot(): ThreadSnapshot | undefined {
    return this.#run?.thread?.snapshot()
  }

  /** Of the process that runs now. */
  get held(): HeldMemory | undefined {
    return this.#run?.thread?.held()
  }

  start(): void {
    this.isWanted = true
    if (this.#run === undefined) this.#run = this.#begin((name) => this.#pass(name))
  }

  /** Somebody starts a second process on the same directory, whatever the first one is at. */
  startTwin(): void {
    this.#twin ??= this.#begin(() => undefined)
  }

  killTwin(): void {
    const run = this.#twin
    this.#twin = undefined
    run?.process.kill()
  }

  #begin(failpoint: (name: string) => Promise<void> | undefined): Run {
    const { scheduler, random, trace } = this.#options
    const number = ++this.starts
    const process = new SimulatedProcess(`${this.name}.${number}`, scheduler)
    const network = new ProcessNetwork({ process, scheduler, random: random.fork(`network ${number}`) })
    network.conditions = this.#conditions
    process.slowness = this.#slowness
    process.setClock(this.#clockOffsetMs)
    const run: Run = { process, network, failpoint, thread: undefined }
    trace.add(this.name, `process ${number} starts`)
    void this.#main(run, random.fork(`process ${number}`)).then(
      () => this.#ended(run, undefined),
      (error: unknown) => this.#ended(run, error instanceof Error ? error : new Error(String(error))),
    )
    return run
  }

  /** Ends in an instant, wherever it is. */
  kill(): void {
    const run = this.#run
    if (run === undefined) return
    this.#armed = []
    this.#run = undefined
    run.process.kill()
    this.#options.trace.add(this.name, 'killed')
  }

  /** Does something, such as a kill, when the runtime passes a point of its code for the `nth` time from now. */
  armAt(failpoint: string, nth: number, then: () => void): void {
    this.#armed.push({ failpoint, left: nth, then })
  }

  disarm(): void {
    this.#armed = []
  }

  /** How many times as long everything takes here; for the next processes, too. */
  slow(factor: number): void {
    this.#slowness = factor
    if (this.#run !== undefined) this.#run.process.slowness = factor
  }

  setClock(offsetMs: number): void {
    this.#clockOffsetMs = offsetMs
    this.#run?.process.setClock(offsetMs)
  }

  /** As told by a person: it ends in good order and is not started again. */
  stop(how: 'leave' | 'stay'): void {
    this.isWanted = false
    this.#run?.thread?.stop(how)
    if (this.#run?.thread === undefined) this.kill()
  }

  get isDown(): boolean {
    return this.#run === undefined
  }

  setNetwork(conditions: NetworkConditions): void {
    this.#conditions = conditions
    if (this.#run !== undefined) this.#run.network.conditions = conditions
  }

  /** Nothing is wrong with its network any more. */
  calm(): void {
    this.setNetwork(this.#options.calm)
  }

  async #main(run: Run, random: SeededRandom): Promise<void> {
    const { application, partitionCounts, clusterId, brokerOf, connect, settings, trace } = this.#options
    const { process, network, failpoint } = run
    const disk = this.disk.of(process)
    const topology = new ApplicationTopology(application.applicationId, application.topology(), partitionCounts)
    const directory = await this.#openDirectory(run, disk, { topology, random, clusterId })
    const broker = brokerOf(process.name, network)
    const client = connect(broker, process, random.fork('client'))
    const thread = new StreamThread({
      name: `${application.applicationId}-${directory.processId}-0`,
      topology,
      client,
      clock: process,
      stores: this.#stores(directory, disk, failpoint),
      startAt: 'earliest',
      ...settings,
      failpoint,
      report: ({ kind, message }) => trace.add(process.name, `${kind}: ${message}`),
    })
    run.thread = thread
    if (!this.isWanted) thread.stop('stay')
    try {
      await thread.run()
    } finally {
      await client.close()
      await broker.close()
      await directory.close()
    }
  }

  async #openDirectory({ process }: Run, disk: Disk, { topology, random, clusterId }: { topology: ApplicationTopology; random: SeededRandom; clusterId: string }): Promise<StateDirectory> {
    for (;;) {
      try {
        return await StateDirectory.open({
          disk,
          random,
          dataDirectory: DATA_DIRECTORY,
          applicationId: topology.applicationId,
          clusterId,
          stores: new Map(topology.stores.map(({ name, kind = 'log' }) => [name, `${kind} 1`])),
        })
      } catch (error) {
        if (!(error instanceof StateDirectoryError)) throw error
        if (error.fault === 'copied') {
          // As the message tells a person to do.
          this.#options.trace.add(process.name, 'the copy is removed')
          this.disk.lose()
          continue
        }
        if (error.fault !== 'locked') throw error
        await new Promise<void>((resolve) => process.after(LOCKED_PAUSE_MS, resolve))
      }
    }
  }

  #stores(directory: StateDirectory, disk: Disk, failpoint: (name: string) => Promise<void> | undefined): StoreSupplier {
    const { segmentBytes } = this.#options.settings
    return {
      open(taskId, { name, prefixBytes = 0, kind = 'log' }) {
        const partition = Number(taskId.split('_')[1])
        if (kind === 'memory') return Promise.resolve(new MemoryStore({ name, prefixBytes }))
        return LogStore.open({ name, disk, partition, directory: directory.storePath(name, partition), prefixBytes, segmentBytes, snapshotBytes: Math.min(segmentBytes, MAX_SNAPSHOT_BYTES) / 2, snapshotPerIndexByte: 0, failpoint })
      },
    }
  }

  /** A point of the runtime's code is passed. Where the process is killed in it, it never gets past. */
  #pass(name: string): Promise<void> | undefined {
    const { process } = this
    const reached = this.#armed.filter(({ failpoint }) => failpoint === name).filter((one) => --one.left <= 0)
    if (reached.length === 0) return undefined
    this.#armed = this.#armed.filter((one) => !reached.includes(one))
    this.#options.trace.add(this.name, `at ${name}`)
    for (const { then } of reached) then()
    return process?.isDead ? new Promise(() => {}) : undefined
  }

  #ended(run: Run, error: Error | undefined): void {
    const isTwin = this.#twin === run
    if (this.#run !== run && !isTwin) return
    if (isTwin) this.#twin = undefined
    else {
      this.#run = undefined
      this.#armed = []
    }
    run.process.kill()
    this.#options.trace.add(this.name, error === undefined ? 'ended' : `ended: ${error.message}`)
    if (error !== undefined) this.#options.failed(error)
    if (!isTwin && this.isWanted) this.#options.scheduler.after(RESTART_MS, () => this.isWanted && this.start())
  }
}
