import { ApplicationTopology, changelogTopic } from '../application-topology.ts'
import { SimulatedCluster } from './cluster/simulated-cluster.ts'
import type { Fault } from './faults.ts'
import { CompanionMachine, type CompanionMachineOptions } from './companion-machine.ts'
import { Outside } from './outside.ts'
import { EPOCH_MS, type Scheduler } from './scheduler.ts'
import type { SeededRandom } from './seeded-random.ts'
import type { ClientFactory, SimulatedApplication } from './simulated-application.ts'
import { MemoryWatch } from './memory-watch.ts'
import { GOOD_DISK } from './simulated-disk.ts'
import { type InstanceSettings, SimulatedInstance } from './simulated-instance.ts'
import { CALM, type NetworkConditions } from './simulated-network.ts'
import { SimulatedDatabase } from './simulated-database.ts'
import type { SimulatedProcess } from './simulated-process.ts'
import { Stranger } from './stranger.ts'
import type { Trace } from './trace.ts'

export interface WorldOptions {
  readonly application: SimulatedApplication
  readonly connect: ClientFactory
  readonly scheduler: Scheduler
  readonly random: SeededRandom
  readonly trace: Trace
  /** In place of what the seed draws. */
  readonly shape?: WorldShape
}

export interface WorldShape {
  readonly instances?: number
  readonly nodes?: number
  /** From a least to a most: how long the brokers take to write a transaction marker. */
  readonly markerMs?: readonly [number, number]
  readonly transactionVersion?: 1 | 2
  readonly verifiesTransactions?: boolean
}

/** An input topic has more partitions than the application was started with. */
export interface Growth {
  readonly topic: string
  readonly before: number
  readonly now: number
  /** Instances of which a stream thread has ended for this reason. */
  readonly ended: Set<string>
}

const DAY_MS = 86_400_000
const PAUSED_BEHIND_MS = 40
/** A thread whose disk is full or broken may end; the supervisor starts it again. What such a time has left behind it may meet a little later, too. */
const DISK_EXCUSE_MS = 30_000

/** Mostly far more than there is to write. */
function drawTransactionBytes(random: SeededRandom): number {
  return random.chance(0.15) ? Math.floor(random.logarithmic(300, 10_000)) : 16_000_000
}

/** A cluster, the instances of an application on their machines, and the rest of the world. */
export class World {
  readonly scheduler: Scheduler
  readonly cluster: SimulatedCluster
  readonly outside: Outside
  readonly instances: readonly SimulatedInstance[]
  readonly companions: readonly CompanionMachine[]
  readonly database: SimulatedDatabase
  readonly topology: ApplicationTopology
  readonly violations: string[] = []
  growth: Growth | undefined
  readonly shape: { readonly instances: number; readonly nodes: number; readonly sessionTimeoutMs: number; readonly rebalanceTimeoutMs: number; readonly tombstoneRetentionMs: number; readonly hasCompanion: boolean; readonly hasOwnTopics: boolean; readonly transactionVersion: 1 | 2; readonly verifiesTransactions: boolean }
  readonly #options: WorldOptions
  readonly #settings: InstanceSettings
  /** How often the log cleaner comes by. */
  readonly #cleanerMs: number | undefined
  /** Until when the end of a thread is no surprise. */
  readonly #excusedUntilMs = new Map<string, number>()
  readonly #awayUntilMs = new Map<string, number>()
  readonly #strangers: Stranger[] = []
  #isHealed = false
  #latestClockMs = 0
  #earliestClockMs = 0

  constructor(options: WorldOptions) {
    const { application, connect, scheduler, random, trace } = options
    this.#options = options
    this.scheduler = scheduler
    const drawn = random.fork('world')
    const transactions = random.fork('transaction version')
    const sessionTimeoutMs = drawn.pick([6_000, 6_000, 10_000])
    this.shape = { instances: drawn.pick([1, 2, 2, 3]), nodes: drawn.pick([1, 3, 3]), sessionTimeoutMs, rebalanceTimeoutMs: drawn.pick([sessionTimeoutMs, 10_000]), tombstoneRetentionMs: drawn.pick([7 * DAY_MS, 7 * DAY_MS, 100_000]), hasCompanion: application.companion !== undefined, hasOwnTopics: (application.companion?.ownTopics ?? []).length > 0, transactionVersion: transactions.chance(0.2) ? 1 : 2, verifiesTransactions: transactions.chance(0.5), ...options.shape }
    this.#cleanerMs = drawn.chance(0.5) || this.shape.tombstoneRetentionMs < DAY_MS ? 3_000 : undefined
    this.#settings = {
      sessionTimeoutMs,
      rebalanceTimeoutMs: this.shape.rebalanceTimeoutMs,
      transactionTimeoutMs: drawn.pick([3_000, 10_000, 60_000, 60_000]),
      producers: drawn.chance(0.8) ? 2 : 1,
      pace: { minIntervalMs: drawn.pick([1, 10, 50]), targetRecords: drawn.pick([20, 500, 16_000]), maxAgeMs: drawn.pick([5, 60, 200]) },
      maxBufferedBytes: drawn.pick([2_000, 1_000_000, 1_000_000]),
      segmentBytes: drawn.pick([1_000, 1_000, 4_000, 20_000, 64 << 20]),
      maxTransactionBytes: drawTransactionBytes(random.fork('memory')),
    }
    const markerMs = drawn.pick([[0.2, 3], [0.2, 3], [5, 100]] as const)
    const lateMarkers = { share: drawn.pick([0, 0, 0.1]), byMs: [300, 3_000] as const }
    const timing = { markerMs: options.shape?.markerMs ?? markerMs, lateMarkers }
    this.cluster = new SimulatedCluster({ clock: scheduler, random: random.fork('cluster'), nodes: this.shape.nodes, clusterId: 'simulated-cluster', transactionVersion: this.shape.transactionVersion, verifiesTransactions: this.shape.verifiesTransactions, timing })
    const counts = new Map(application.topics.map(({ name, partitions }) => [name, partitions]))
    this.topology = new ApplicationTopology(application.applicationId, application.topology(), counts)
    this.outside = new Outside({ cluster: this.cluster, scheduler, partitionCounts: this.topology.partitionCounts })
    const shared = { application, connect, scheduler, trace, partitionCounts: counts, clusterId: 'simulated-cluster', settings: this.#settings }
    const farAway = drawn.chance(0.4) ? drawn.integer(0, this.shape.instances - 1) : undefined
    const far: NetworkConditions = { ...CALM, minDelayMs: drawn.logarithmic(0.5, 20), maxDelayMs: drawn.logarithmic(20, 60) }
    this.instances = Array.from({ length: this.shape.instances }, (_, number) => {
      const name = `instance-${number}`
      return new SimulatedInstance({
        ...shared,
        name,
        calm: number === farAway ? far : CALM,
        random: random.fork(name),
        brokerOf: (clientId, itsNetwork) => this.cluster.broker(clientId, itsNetwork),
        failed: (reason) => this.#threadFailed(name, reason),
      })
    })
    this.database = new SimulatedDatabase({ scheduler, random: random.fork('database') })
    this.companions = this.#makeCompanions()
  }

  #makeCompanions(): CompanionMachine[] {
    const { application, scheduler, random, trace } = this.#options
    const { companion } = application
    if (companion === undefined) return []
    return Array.from({ length: companion.processes }, (_, number) => {
      const name = `${companion.name}-${number}`
      const brokerOf: CompanionMachineOptions['brokerOf'] = (clientId, network) => this.cluster.broker(clientId, network)
      const failed = (reason: Error): void => void this.violations.push(`${name} ended: ${reason.message}`)
      return new CompanionMachine({ name, companion, scheduler, random: random.fork(name), trace, database: this.database, brokerOf, failed })
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
    const { instances, nodes, sessionTimeoutMs, tombstoneRetentionMs, transactionVersion, verifiesTransactions } = this.shape
    const { producers, transactionTimeoutMs, pace, segmentBytes, maxBufferedBytes, maxTransactionBytes } = this.#settings
    return `${instances} instances, ${nodes} nodes, transactions V${transactionVersion}${transactionVersion === 1 && !verifiesTransactions ? ' (not verified)' : ''}, ${this.topology.taskIds.length} tasks, ${producers} producers, session ${sessionTimeoutMs} ms, transaction ${transactionTimeoutMs} ms, pace ${Object.values(pace).join('/')}, segments ${segmentBytes}, buffers ${maxBufferedBytes}, transactions up to ${maxTransactionBytes}, deletions kept for ${tombstoneRetentionMs / 1000} s${this.#cleanerMs === undefined ? '' : ', cleaned'}`
  }

  begin(): void {
    const replicationFactor = this.shape.nodes
    for (const { name, partitions, configs } of this.#options.application.topics) this.cluster.createTopic({ name, partitions, replicationFactor, configs: Object.fromEntries(configs) })
    for (const name of this.changelogTopics) {
      this.cluster.createTopic({ name, partitions: this.topology.partitionCounts.get(name) ?? 1, replicationFactor, configs: { 'cleanup.policy': 'compact', 'delete.retention.ms': String(this.shape.tombstoneRetentionMs) } })
    }
    for (const instance of this.instances) this.scheduler.after(this.#options.random.fork(`start ${instance.name}`).between(0, 1_000), () => instance.start())
    for (const companion of this.companions) companion.start()
    if (this.#cleanerMs !== undefined) void this.#cleanEvery(this.#cleanerMs)
    const { instances, scheduler, violations } = this
    new MemoryWatch({ instances, scheduler, violations, settings: this.#settings, nodes: this.shape.nodes }).start()
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
    for (const stranger of this.#strangers) stranger.stop()
    this.database.trouble = undefined
    for (const companion of this.companions) {
      companion.process?.resume()
      companion.start()
    }
    for (const instance of this.instances) {
      instance.disarm()
      instance.killTwin()
      instance.disk.conditions = GOOD_DISK
      instance.calm()
      instance.network?.healed()
      instance.slow(1)
      instance.process?.resume()
      instance.start()
    }
    this.cluster.heal()
  }

  /** Ends the instances in good order. */
  async end(): Promise<void> {
    for (const instance of this.instances) instance.stop('leave')
    await this.#down(this.instances)
  }

  /** Ends the companions in good order. */
  async endCompanions(): Promise<void> {
    for (const companion of this.companions) companion.stop()
    await this.#down(this.companions)
  }

  async #down(all: readonly (SimulatedInstance | CompanionMachine)[]): Promise<void> {
    const deadlineMs = this.scheduler.monotonicMs() + 60_000
    for (let up = all; ; await this.outside.pause(50)) {
      up = up.filter(({ isDown }) => !isDown)
      if (up.length === 0) return
      if (this.scheduler.monotonicMs() <= deadlineMs) continue
      this.violations.push(`60 s after they were told to stop, these are still up: ${up.map((one) => (one instanceof SimulatedInstance ? `${one.name} (${one.snapshot?.state})` : one.name)).join(', ')}`)
      return
    }
  }

  async #cleanEvery(intervalMs: number): Promise<void> {
    for (;;) {
      await this.outside.pause(intervalMs)
      for (const { topic, partition } of this.outside.partitionsOf(this.changelogTopics)) this.cluster.compact(topic, partition)
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
        return this.#away(instance, fault.downMs)
      case 'clock':
        this.#latestClockMs = Math.max(this.#latestClockMs, fault.byMs)
        this.#earliestClockMs = Math.min(this.#earliestClockMs, fault.byMs)
        return instance.setClock(fault.byMs)
      case 'lossy':
        instance.setNetwork({ minDelayMs: 0.1, maxDelayMs: fault.maxDelayMs, lostRequest: fault.loss, lostAnswer: fault.loss, lateRequest: fault.loss })
        return this.#later(fault.forMs, () => instance.calm())
      case 'break-at': return network?.breakAt(fault.api, fault.nth, fault.fate)
      case 'cut': return network?.cut()
      case 'stall': return network?.stall(fault.node, fault.forMs)
      case 'stall-at': return network?.stallAt(fault.api, fault.nth, { forMs: fault.forMs, nodes: fault.everyNode ? this.cluster.nodes : undefined })
      case 'hang-at': return network?.hangAt(fault.api, fault.nth, { ...fault, whenSent: () => this.#sent(fault, process) })
      case 'twin':
        instance.startTwin()
        return this.#later(fault.forMs, () => instance.killTwin())
      case 'copied-disk': return this.#copyDisk(instance, fault)
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
        const { topic, partition } = this.#picked(fault.pick, fault.of === 'any' ? allTopics : this.changelogTopics)
        if (topic === '') return
        cluster.setUnderReplicated(topic, partition, true)
        return this.#later(fault.forMs, () => cluster.setUnderReplicated(topic, partition, false))
      }
      case 'throttle':
        cluster.throttle(fault.waitMs)
        return this.#later(fault.forMs, () => cluster.throttle(0))
      case 'coordinator-move': return cluster.moveCoordinator(fault.pick % 2 === 0 ? 'group' : 'transaction', 1 + (fault.pick % shape.nodes))
      case 'storm': return this.#storm(fault)
      case 'grow': return this.#grow(fault)
      case 'companion-kill': return this.#companion(fault.pick)?.kill(fault.downMs)
      case 'companion-pause': return this.#pause(this.#companion(fault.pick)?.process, fault.forMs)
      case 'late-claim': return this.#options.application.companion?.lateClaim?.(fault.pick)
      case 'database':
        this.database.trouble = fault.trouble
        return this.#later(fault.forMs, () => void (this.database.trouble = undefined))
      case 'topic-made-anew': {
        const { topic } = this.#picked(fault.pick, this.#options.application.companion?.ownTopics ?? [])
        return cluster.remakeTopic(topic)
      }
      case 'compact': {
        const { topic, partition } = this.#picked(fault.pick, this.changelogTopics)
        if (topic !== '') cluster.compact(topic, partition)
      }
    }
  }

  #grow({ pick, by }: { pick: number; by: number }): void {
    const { topic } = this.#picked(pick, this.inputTopics)
    const before = this.topology.partitionCounts.get(topic) ?? 0
    if (this.growth !== undefined) return
    this.growth = { topic, before, now: before + by, ended: new Set() }
    this.cluster.addPartitions(topic, before + by)
    this.outside.grown(topic, before + by)
  }

  #companion(pick: number): CompanionMachine | undefined {
    return this.companions[pick % Math.max(1, this.companions.length)]
  }

  #picked(pick: number, topics: readonly string[]): { topic: string; partition: number } {
    const topic = topics[pick % Math.max(1, topics.length)] ?? ''
    return { topic, partition: pick % (this.topology.partitionCounts.get(topic) ?? 1) }
  }

  #kill(instance: SimulatedInstance, { downMs, disk }: { downMs: number; disk: 'kept' | 'power-cut' | 'lost' }): void {
    instance.kill()
    if (disk !== 'kept') {
      instance.killTwin()
      this.#options.trace.add(instance.name, disk)
    }
    if (disk === 'power-cut') instance.disk.cutPower()
    else if (disk === 'lost') instance.disk.lose()
    this.#away(instance, downMs)
  }

  /** It is down for so long, whatever else may happen to it that would bring it back earlier. */
  #away(instance: SimulatedInstance, downMs: number): void {
    const untilMs = this.scheduler.monotonicMs() + downMs
    this.#awayUntilMs.set(instance.name, Math.max(this.#awayUntilMs.get(instance.name) ?? 0, untilMs))
    this.scheduler.after(downMs, () => {
      const isOver = this.#isHealed ? instance.isWanted : this.scheduler.monotonicMs() >= (this.#awayUntilMs.get(instance.name) ?? 0)
      if (isOver) instance.start()
    })
  }

  #copyDisk(instance: SimulatedInstance, { from, downMs }: { from: number; downMs: number }): void {
    const other = this.instances[from]
    if (other === undefined || other === instance) return
    this.#kill(instance, { downMs, disk: 'lost' })
    instance.disk.copyFrom(other.disk)
  }

  /** It is paused when what it has sent at this moment, and what it repeats soon because a coordinator was busy, has arrived. */
  #sent({ pausedMs, joinedMs }: Extract<Fault, { kind: 'hang-at' }>, process: SimulatedProcess | undefined): void {
    if (pausedMs > 0) this.#later(PAUSED_BEHIND_MS, () => this.#pause(process, pausedMs))
    if (joinedMs !== undefined) this.#later(joinedMs, () => this.#storm({ everyMs: 100, forMs: 1 }))
  }

  #storm(fault: { everyMs: number; forMs: number }): void {
    const stranger = new Stranger({ cluster: this.cluster, scheduler: this.scheduler, groupId: this.#options.application.applicationId })
    this.#strangers.push(stranger)
    void stranger.run(fault)
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
    const { growth } = this
    if (growth !== undefined && reason.message.startsWith(`input topic ${growth.topic} has ${growth.now} partitions now, and had ${growth.before} `)) return void growth.ended.add(name)
    if (this.scheduler.monotonicMs() > (this.#excusedUntilMs.get(name) ?? 0)) this.violations.push(`the stream thread of ${name} ended: ${reason.message}`)
  }
}
