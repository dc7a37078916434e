import { ApplicationTopology, changelogTopic } from '../application-topology.ts'
import { SimulatedCluster } from './cluster/simulated-cluster.ts'
import type { Fault } from './faults.ts'
import { Outside } from './outside.ts'
import { EPOCH_MS, type Scheduler } from './scheduler.ts'
import type { SeededRandom } from './seeded-random.ts'
import type { ClientFactory, SimulatedApplication } from './simulated-application.ts'
import { GOOD_DISK } from './simulated-disk.ts'
import { type InstanceSettings, SimulatedInstance } from './simulated-instance.ts'
import { CALM } from './simulated-network.ts'
import type { SimulatedProcess } from './simulated-process.ts'
import type { Trace } from './trace.ts'

export interface WorldOptions {
  readonly application: SimulatedApplication
  readonly connect: ClientFactory
  readonly scheduler: Scheduler
  readonly random: SeededRandom
  readonly trace: Trace
  /** In place of what the seed draws. */
  readonly shape?: { readonly instances?: number; readonly nodes?: number }
}

const DAY_MS = 86_400_000
/** A thread whose disk is full or broken may end; the supervisor starts it again. What such a time has left behind it may meet a little later, too. */
const DISK_EXCUSE_MS = 30_000

/** A cluster, the instances of an application on their machines, and the rest of the world. */
export class World {
  readonly scheduler: Scheduler
  readonly cluster: SimulatedCluster
  readonly outside: Outside
  readonly instances: readonly SimulatedInstance[]
  readonly topology: ApplicationTopology
  readonly violations: string[] = []
  readonly shape: { readonly instances: number; readonly nodes: number; readonly sessionTimeoutMs: number }
  readonly #options: WorldOptions
  readonly #settings: InstanceSettings
  /** Until when the end of a thread is no surprise. */
  readonly #excusedUntilMs = new Map<string, number>()
  #isHealed = false
  #latestClockMs = 0
  #earliestClockMs = 0

  constructor(options: WorldOptions) {
    const { application, connect, scheduler, random, trace } = options
    this.#options = options
    this.scheduler = scheduler
    const drawn = random.fork('world')
    this.shape = { instances: drawn.integer(1, 3), nodes: drawn.pick([1, 3, 3]), sessionTimeoutMs: drawn.pick([6_000, 6_000, 10_000]), ...options.shape }
    this.#settings = {
      sessionTimeoutMs: this.shape.sessionTimeoutMs,
      rebalanceTimeoutMs: 10_000,
      transactionTimeoutMs: drawn.pick([3_000, 10_000, 60_000]),
      producers: drawn.chance(0.8) ? 2 : 1,
      pace: { minIntervalMs: drawn.pick([1, 10, 50]), targetRecords: drawn.pick([20, 500, 16_000]), maxAgeMs: drawn.pick([5, 60, 200]) },
      maxBufferedBytes: drawn.pick([2_000, 1_000_000]),
      segmentBytes: drawn.pick([4_000, 50_000, 64 << 20]),
    }
    this.cluster = new SimulatedCluster({ clock: scheduler, random: random.fork('cluster'), nodes: this.shape.nodes, clusterId: 'simulated-cluster' })
    const counts = new Map(application.topics.map(({ name, partitions }) => [name, partitions]))
    this.topology = new ApplicationTopology(application.applicationId, application.topology(), counts)
    this.outside = new Outside({ cluster: this.cluster, scheduler, partitionCounts: this.topology.partitionCounts })
    const shared = { application, connect, scheduler, trace, partitionCounts: counts, clusterId: 'simulated-cluster', settings: this.#settings }
    this.instances = Array.from({ length: this.shape.instances }, (_, number) => {
      const name = `instance-${number}`
      return new SimulatedInstance({
        ...shared,
        name,
        random: random.fork(name),
        brokerOf: (clientId, itsNetwork) => this.cluster.broker(clientId, itsNetwork),
        failed: (reason) => this.#threadFailed(name, reason),
      })
    })
  }

  get inputTopics(): readonly string[] {
    return this.topology.sourceTopics
  }

  get outputTopics(): readonly string[] {
    const { sinkTopics, deadLetterTopic } = this.topology.topology
    return [...new Set([...sinkTopics, ...(deadLetterTopic === undefined ? [] : [deadLetterTopic])])]
  }

  get changelogTopics(): readonly string[] {
    return this.topology.stores.map(({ name }) => changelogTopic(this.topology.applicationId, name))
  }

  get allTopics(): readonly string[] {
    return [...new Set([...this.inputTopics, ...this.outputTopics, ...this.changelogTopics])]
  }

  /** Wall clocks of the instances during the run. */
  get processing(): { fromMs: number; toMs: number } {
    return { fromMs: EPOCH_MS + this.#earliestClockMs, toMs: this.scheduler.now() + this.#latestClockMs }
  }

  describe(): string {
    const { instances, nodes, sessionTimeoutMs } = this.shape
    const { producers, transactionTimeoutMs, pace, segmentBytes, maxBufferedBytes } = this.#settings
    return `${instances} instances, ${nodes} nodes, ${this.topology.taskIds.length} tasks, ${producers} producers, session ${sessionTimeoutMs} ms, transaction ${transactionTimeoutMs} ms, pace ${Object.values(pace).join('/')}, segments ${segmentBytes}, buffers ${maxBufferedBytes}`
  }

  begin(): void {
    const replicationFactor = this.shape.nodes
    for (const { name, partitions, configs } of this.#options.application.topics) this.cluster.createTopic({ name, partitions, replicationFactor, configs: Object.fromEntries(configs) })
    for (const name of this.changelogTopics) {
      this.cluster.createTopic({ name, partitions: this.topology.partitionCounts.get(name) ?? 1, replicationFactor, configs: { 'cleanup.policy': 'compact', 'delete.retention.ms': String(7 * DAY_MS) } })
    }
    for (const instance of this.instances) this.scheduler.after(this.#options.random.fork(`start ${instance.name}`).between(0, 1_000), () => instance.start())
  }

  apply(fault: Fault): void {
    if (this.#isHealed) return
    this.#options.trace.add('fault', `${fault.kind}${'instance' in fault ? ` instance-${fault.instance}` : 'node' in fault ? ` node ${fault.node}` : ''}`)
    if ('instance' in fault) {
      const instance = this.instances[fault.instance]
      if (instance !== undefined) this.#applyTo(instance, fault)
    } else this.#applyToCluster(fault)
  }

  /** Everything that was done to the world is undone. */
  heal(): void {
    this.#isHealed = true
    for (const instance of this.instances) {
      instance.disarm()
      instance.disk.conditions = GOOD_DISK
      instance.setNetwork(CALM)
      instance.network?.healed()
      instance.slow(1)
      instance.process?.resume()
      instance.start()
    }
    this.cluster.heal()
  }

  /** Ends the instances in good order. */
  async end(): Promise<void> {
    const deadlineMs = this.scheduler.monotonicMs() + 60_000
    for (const instance of this.instances) instance.stop('leave')
    while (this.instances.some(({ isDown }) => !isDown)) {
      if (this.scheduler.monotonicMs() > deadlineMs) {
        this.violations.push(`60 s after they were told to stop, these are still up: ${this.instances.filter(({ isDown }) => !isDown).map(({ name, snapshot }) => `${name} (${snapshot?.state})`).join(', ')}`)
        return
      }
      await this.outside.pause(50)
    }
  }

  #applyTo(instance: SimulatedInstance, fault: Extract<Fault, { instance: number }>): void {
    const { process, network, name, disk } = instance
    switch (fault.kind) {
      case 'kill': return this.#kill(instance, fault)
      case 'kill-at': return instance.armAt(fault.failpoint, fault.nth, () => this.#kill(instance, fault))
      case 'pause': return this.#pause(process, fault.forMs)
      case 'pause-at': return instance.armAt(fault.failpoint, fault.nth, () => this.#pause(instance.process, fault.forMs))
      case 'slow':
        instance.slow(fault.factor)
        return this.#later(fault.forMs, () => instance.slow(1))
      case 'stop':
        instance.stop(fault.how)
        return this.#later(fault.downMs, () => instance.start())
      case 'clock':
        this.#latestClockMs = Math.max(this.#latestClockMs, fault.byMs)
        this.#earliestClockMs = Math.min(this.#earliestClockMs, fault.byMs)
        return instance.setClock(fault.byMs)
      case 'lossy':
        instance.setNetwork({ minDelayMs: 0.1, maxDelayMs: fault.maxDelayMs, lostRequest: fault.loss, lostAnswer: fault.loss, lateRequest: fault.loss })
        return this.#later(fault.forMs, () => instance.setNetwork(CALM))
      case 'break-at': return network?.breakAt(fault.api, fault.nth, fault.fate)
      case 'cut': return network?.cut()
      case 'stall': return network?.stall(fault.node, fault.forMs)
      case 'stall-at': return network?.stallAt(fault.api, fault.nth, { forMs: fault.forMs, nodes: fault.everyNode ? this.cluster.nodes : undefined })
      case 'disk-full':
        this.#excuse(name, fault.forMs)
        disk.conditions = { ...GOOD_DISK, capacityBytes: disk.usedBytes + 500 }
        return this.#later(fault.forMs, () => void (disk.conditions = GOOD_DISK))
      case 'disk-errors':
        this.#excuse(name, fault.forMs)
        disk.conditions = { ...GOOD_DISK, failure: fault.failure }
        return this.#later(fault.forMs, () => void (disk.conditions = GOOD_DISK))
      case 'slow-disk':
        disk.conditions = { ...GOOD_DISK, minDelayMs: fault.factor * GOOD_DISK.minDelayMs, maxDelayMs: fault.factor * GOOD_DISK.maxDelayMs, syncMs: fault.factor * GOOD_DISK.syncMs }
        return this.#later(fault.forMs, () => void (disk.conditions = GOOD_DISK))
    }
  }

  #applyToCluster(fault: Exclude<Fault, { instance: number }>): void {
    const { cluster, shape, allTopics } = this
    switch (fault.kind) {
      case 'node-crash':
        cluster.crash(fault.node)
        return void this.scheduler.after(fault.downMs, () => cluster.restart(fault.node))
      case 'leader-move': {
        const { topic, partition } = this.#picked(fault.pick, allTopics)
        return cluster.moveLeader(topic, partition)
      }
      case 'under-replicated': {
        const { topic, partition } = this.#picked(fault.pick, allTopics)
        cluster.setUnderReplicated(topic, partition, true)
        return this.#later(fault.forMs, () => cluster.setUnderReplicated(topic, partition, false))
      }
      case 'throttle':
        cluster.throttle(fault.waitMs)
        return this.#later(fault.forMs, () => cluster.throttle(0))
      case 'coordinator-move': return cluster.moveCoordinator(fault.pick % 2 === 0 ? 'group' : 'transaction', 1 + (fault.pick % shape.nodes))
      case 'compact': {
        const { topic, partition } = this.#picked(fault.pick, this.changelogTopics)
        if (topic !== '') cluster.compact(topic, partition)
      }
    }
  }

  #picked(pick: number, topics: readonly string[]): { topic: string; partition: number } {
    const topic = topics[pick % Math.max(1, topics.length)] ?? ''
    return { topic, partition: pick % (this.topology.partitionCounts.get(topic) ?? 1) }
  }

  #kill(instance: SimulatedInstance, { downMs, disk }: { downMs: number; disk: 'kept' | 'power-cut' | 'lost' }): void {
    instance.kill()
    if (disk !== 'kept') this.#options.trace.add(instance.name, disk)
    if (disk === 'power-cut') instance.disk.cutPower()
    else if (disk === 'lost') instance.disk.lose()
    this.scheduler.after(downMs, () => instance.isWanted && instance.start())
  }

  #pause(process: SimulatedProcess | undefined, forMs: number): void {
    process?.pause()
    this.#later(forMs, () => process?.resume())
  }

  #later(delayMs: number, undo: () => void): void {
    this.scheduler.after(delayMs, () => {
      if (!this.#isHealed) undo()
    })
  }

  #excuse(name: string, forMs: number): void {
    this.#excusedUntilMs.set(name, Math.max(this.#excusedUntilMs.get(name) ?? 0, this.scheduler.monotonicMs() + forMs + DISK_EXCUSE_MS))
  }

  #threadFailed(name: string, reason: Error): void {
    if (this.scheduler.monotonicMs() > (this.#excusedUntilMs.get(name) ?? 0)) this.violations.push(`the stream thread of ${name} ended: ${reason.message}`)
  }
}
