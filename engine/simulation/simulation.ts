import { changelogTopic } from '../application-topology.ts'
import { drawAimed, withAimed } from './aimed-scenes.ts'
import { decodePartitionTime } from '../partition-time.ts'
import { describeFault, drawFaults, drawGrowth, drawLateRequests, endOf, type Fault } from './faults.ts'
import type { ClientFactory, SimulatedApplication, SimulatedRecord } from './simulated-application.ts'
import { LivelockError, Scheduler } from './scheduler.ts'
import { SeededRandom } from './seeded-random.ts'
import { checkStores } from './store-check.ts'
import { Trace } from './trace.ts'
import { World, type WorldShape } from './world.ts'

export interface SimulationOptions {
  readonly seed: number
  /** The application under test; it may be drawn from the seed as well. */
  readonly application: (random: SeededRandom) => SimulatedApplication
  readonly connect: ClientFactory
  /** Faults in place of those that the seed draws. */
  readonly faults?: readonly Fault[]
  /** Default: what the seed draws, some 200 to 3,000. */
  readonly records?: number
  /** The seed draws no fewer than these: larger worlds for longer hunts. */
  readonly least?: { readonly records: number; readonly faults: number } | undefined
  /** Instances of the application and nodes of the cluster, in place of those that the seed draws. */
  readonly shape?: WorldShape
  /** Called with each line of the trace. */
  readonly write?: (line: string) => void
}

export interface SimulationOutcome {
  readonly seed: number
  readonly application: string
  /** What was found wrong; none: nothing. */
  readonly violations: readonly string[]
  readonly faults: readonly Fault[]
  readonly records: number
  readonly virtualMs: number
  readonly events: number
  /** Of everything that happened. */
  readonly digest: string
}

/** After the last fault, everything that was written has to be processed within this time. */
const RECOVERY_BOUND_MS = 180_000
/** ... and this for each record: behind one that the broker refused they may have to go one by one. */
const BOUND_PER_RECORD_MS = 200
/** An input topic has grown, and nothing else is wrong any more: by then each instance has ended for it. */
const GROWTH_BOUND_MS = 30_000
const POLL_MS = 250
/** Where input comes all the time, a burst is as much as belongs to so long a time. */
const STEADY_BURST_MS = 500

/** Runs one seed: the application with its input, under the faults, until all is processed; then everything is compared. */
export async function runSimulation(options: SimulationOptions): Promise<SimulationOutcome> {
  const scheduler = new Scheduler()
  const trace = new Trace(scheduler, options.write)
  const random = new SeededRandom(options.seed)
  const application = options.application(random.fork('application'))
  const world = new World({ application, connect: options.connect, scheduler, random, trace, ...(options.shape && { shape: options.shape }) })
  const drawnMs = Math.floor(random.logarithmic(5_000, 60_000))
  const aimed = drawAimed(random.fork('aimed'), { ...world.shape, durationMs: drawnMs })
  const durationMs = Math.max(drawnMs + aimed.othersFromMs, aimed.leastMs)
  const { records: leastRecords, faults: leastFaults } = options.least ?? { records: 200, faults: 5 }
  const count = options.records ?? Math.floor(random.logarithmic(leastRecords, Math.max(3_000, 1.5 * leastRecords)))
  const faultCount = random.integer(leastFaults, Math.max(30, leastFaults + 10))
  const drawn = { ...world.shape, durationMs: drawnMs, count: faultCount }
  const growth = application.mayGrow === true ? drawGrowth(random.fork('growth'), drawn) : []
  const late = world.shape.transactionVersion === 1 ? drawLateRequests(random.fork('late requests'), drawn) : []
  const faults = options.faults ?? withAimed([...drawFaults(random.fork('faults'), drawn), ...growth, ...late], aimed)
  trace.add('world', `seed ${options.seed}: ${application.name}, ${world.describe()}, ${count} records in ${(durationMs / 1000).toFixed(1)} s`)
  for (const fault of faults) trace.add('world', describeFault(fault))
  const run = new SimulationRun({ world, application, faults, count, durationMs, isSteady: aimed.leastMs > 0, random, trace })
  let isOver = false
  const over = (): void => {
    isOver = true
  }
  const main = run.main()
  main.then(over, over)
  const violations = run.violations
  try {
    await scheduler.run(() => isOver)
    if (isOver) await main
    else violations.push('nothing is left to happen, and the run is not over: everybody waits for somebody')
  } catch (error) {
    if (!(error instanceof Error)) throw error
    violations.push(error instanceof LivelockError ? error.message : `the run failed: ${error.stack}`)
  }
  for (const violation of violations) trace.add('world', `VIOLATION ${violation}`)
  return { seed: options.seed, application: application.name, violations, faults, records: count, virtualMs: scheduler.monotonicMs(), events: scheduler.handled, digest: trace.digest() }
}

interface RunOptions {
  readonly world: World
  readonly application: SimulatedApplication
  readonly faults: readonly Fault[]
  readonly count: number
  readonly durationMs: number
  /** Input comes all the time. */
  readonly isSteady: boolean
  readonly random: SeededRandom
  readonly trace: Trace
}

/** What happens in a run, in order. */
class SimulationRun {
  readonly violations: string[]
  readonly #options: RunOptions
  readonly #committed = new Map<string, number>()
  #isFed = false

  constructor(options: RunOptions) {
    this.#options = options
    this.violations = options.world.violations
  }

  async main(): Promise<void> {
    const { world, faults, trace, durationMs } = this.#options
    world.begin()
    const feeding = this.#feed()
    this.#watchOffsets()
    for (const fault of faults) world.scheduler.after(fault.atMs, () => world.apply(fault))
    await world.outside.pause(Math.max(durationMs, ...faults.map(endOf)) + 1)
    await feeding
    this.#isFed = true
    world.heal()
    trace.add('world', 'healed')
    const isOver = world.growth === undefined ? await this.#until('the last fault', () => this.#left()) : await this.#until('the last fault', () => this.#unaware(), GROWTH_BOUND_MS)
    if (!isOver) return
    trace.add('world', world.growth === undefined ? 'drained' : 'every instance has ended')
    await world.end()
    if (!(await this.#until('the application has ended', () => this.#openTransactions()))) return
    if (!(await this.#companionsDone())) return
    await world.endCompanions()
    await this.#check()
  }

  /** The application has stopped: what its companion has to do is known now. */
  async #companionsDone(): Promise<boolean> {
    const { world, application } = this.#options
    const { companion } = application
    if (companion === undefined) return true
    const outputs = world.outside.read([...world.outputTopics, ...(companion.ownTopics ?? [])])
    return this.#until('the application has ended', () => companion.left(outputs))
  }

  /** Waits until nothing is left to be done; not for ever. */
  async #until(since: string, left: () => readonly string[], boundMs = RECOVERY_BOUND_MS + BOUND_PER_RECORD_MS * this.#options.count): Promise<boolean> {
    const { world } = this.#options
    const deadlineMs = world.scheduler.monotonicMs() + boundMs
    for (;;) {
      const all = left()
      if (all.length === 0) return true
      if (world.scheduler.monotonicMs() > deadlineMs) {
        this.violations.push(`${boundMs / 1000} s after ${since}: ${all.join('; ')}`)
        return false
      }
      await world.outside.pause(POLL_MS)
    }
  }

  /** Bursts, with quiet in between; now and then in a transaction, which may be aborted. */
  async #feed(): Promise<void> {
    const { world, application, random, count, durationMs, isSteady } = this.#options
    const largestBurst = isSteady ? Math.ceil((STEADY_BURST_MS * count) / durationMs) : count
    const chance = random.fork('feed')
    const next = application.workload(random.fork('workload'))
    const transactional = chance.chance(0.4) ? 0.3 : 0
    // With more records the bursts are larger, not more.
    const meanBurst = chance.logarithmic(1, 100) * Math.max(1, count / 800)
    for (let written = 0; written < count; ) {
      const size = Math.min(count - written, largestBurst, Math.max(1, Math.floor(chance.logarithmic(1, meanBurst * 4))))
      const records = Array.from({ length: size }, next)
      const outcome = chance.chance(transactional) ? (chance.chance(0.5) ? 'commit' : 'abort') : undefined
      await world.outside.write(records, outcome)
      written += size
      await world.outside.pause((2 * chance.next() * durationMs * size) / count)
    }
  }

  /** The group's offsets never go back. */
  #watchOffsets(): void {
    const { world, application } = this.#options
    world.cluster.onCommitted((groupId, at, offset) => {
      if (groupId !== application.applicationId) return
      const before = this.#committed.get(at) ?? -1
      if (offset < before) this.violations.push(`the committed offset of ${at} went back from ${before} to ${offset}`)
      this.#committed.set(at, Math.max(before, offset))
    })
  }

  /** What is not processed yet, transactions that hang, and tasks that nobody runs. */
  #left(): string[] {
    const { world, application } = this.#options
    const committed = world.cluster.committedOffsets(application.applicationId)
    const left: string[] = []
    for (const { topic, partition } of world.outside.partitionsOf(world.inputTopics)) {
      const at = committed.get(`${topic}-${partition}`)?.offset ?? 0
      const { end } = world.cluster.log(topic, partition)
      if (at < end) left.push(`${topic}-${partition} is processed up to ${at} of ${end}`)
    }
    left.push(...this.#openTransactions())
    const running = world.instances.flatMap(({ snapshot }) => snapshot?.tasks ?? []).filter(({ state }) => state === 'running')
    for (const id of world.topology.taskIds) {
      const times = running.filter((task) => task.id === id).length
      if (times !== 1) left.push(`task ${id} runs in ${times} instances`)
    }
    return left
  }

  /** Instances that have not ended although an input topic has grown. */
  #unaware(): string[] {
    const { instances, growth } = this.#options.world
    return growth === undefined ? [] : instances.filter(({ name }) => !growth.ended.has(name)).map(({ name }) => `${name} has not noticed that ${growth.topic} has ${growth.now} partitions`)
  }

  #openTransactions(): string[] {
    const { world } = this.#options
    return world.outside.partitionsOf(world.allTopics).flatMap(({ topic, partition }) => {
      const { lastStableOffset, end } = world.cluster.log(topic, partition)
      return lastStableOffset < end ? [`a transaction is open in ${topic}-${partition}: ${lastStableOffset} is stable of ${end}`] : []
    })
  }

  async #check(): Promise<void> {
    const { world, application, trace } = this.#options
    const inputs = this.#processedInputs()
    const outputs = world.outside.read(world.outputTopics)
    trace.add('world', `${inputs.length} inputs, ${outputs.length} outputs`)
    const result = { inputs, outputs, processing: world.processing }
    const { companion } = application
    const toCompanion = [...outputs, ...world.outside.read(companion?.ownTopics ?? [])]
    this.violations.push(...application.check(result), ...(companion?.check({ ...result, outputs: toCompanion }) ?? []))
    this.#checkPartitionTimes(inputs)
    await this.#checkStores()
  }

  /** All input; where the application has ended before it was through, what it has committed as processed, and what came of it must be neither more nor less. */
  #processedInputs(): SimulatedRecord[] {
    const { world, application } = this.#options
    const { growth } = world
    const inputs = world.outside.read(world.inputTopics)
    if (growth === undefined) return inputs
    const committed = world.cluster.committedOffsets(application.applicationId)
    for (let partition = growth.before; partition < growth.now; partition++) {
      if (committed.has(`${growth.topic}-${partition}`)) this.violations.push(`${growth.topic}-${partition} was added while the application ran, and an offset of it is committed`)
    }
    return inputs.filter(({ topic, partition, offset }) => offset < (committed.get(`${topic}-${partition}`)?.offset ?? 0))
  }

  /** With each offset goes the highest timestamp below it. */
  #checkPartitionTimes(inputs: readonly SimulatedRecord[]): void {
    const { world, application } = this.#options
    const highest = new Map<string, number>()
    const committed = world.cluster.committedOffsets(application.applicationId)
    for (const { topic, partition, offset, timestamp } of inputs) {
      const at = `${topic}-${partition}`
      if (offset < (committed.get(at)?.offset ?? 0)) highest.set(at, Math.max(highest.get(at) ?? -1, timestamp))
    }
    for (const [at, { metadata }] of committed) {
      const found = decodePartitionTime(metadata)
      const expected = highest.get(at) ?? -1
      if (found !== expected) this.violations.push(`the time of ${at} is ${found}, the highest timestamp of what was processed is ${expected}`)
    }
  }

  async #checkStores(): Promise<void> {
    const { world, application } = this.#options
    const stores = world.topology.stores.filter(({ kind = 'log' }) => kind === 'log')
    const changelogs = new Map(stores.map(({ name }) => [name, changelogTopic(application.applicationId, name)]))
    const prefixBytes = new Map(stores.map(({ name, prefixBytes: bytes = 0 }) => [name, bytes]))
    const records = world.outside.read([...changelogs.values()])
    const ends = new Map(world.outside.partitionsOf([...changelogs.values()]).map(({ topic, partition }) => [`${topic}-${partition}`, world.cluster.log(topic, partition).end]))
    if (this.#isFed) this.#options.trace.add('world', `${records.length} changelog records in ${changelogs.size} stores`)
    const complete = new Set<string>()
    for (const { name, disk } of world.instances) {
      const report = await checkStores({ name, disk, scheduler: world.scheduler, changelogs, records, prefixBytes, tombstoneRetentionMs: world.shape.tombstoneRetentionMs, ends })
      this.violations.push(...report.violations)
      for (const at of report.complete) complete.add(at)
    }
    // What ends in the middle of a commit may leave a store behind that the next start would bring up.
    if (world.growth !== undefined) return
    for (const { topic, partition } of records) {
      const at = `${topic}-${partition}`
      if (!complete.has(at)) this.violations.push(`no store holds all of ${at}`)
      complete.add(at)
    }
  }
}
