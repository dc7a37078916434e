import { lagOf } from '../../../cli/demo/drained.ts'
import type { Check } from '../../../cli/self-check/check.ts'
import { documentTopics } from '../../../topology/trade-topics.ts'
import { until } from '../../support/until.ts'
import { within } from './bounded.ts'
import { type ChaosReport, describeFault } from './chaos-report.ts'
import { ChaosWorkload } from './chaos-workload.ts'
import { recordChanges } from './check-versions.ts'
import { CommitWatch } from './commit-watch.ts'
import { checkWithin, finalChecks } from './final-checks.ts'
import { ForeignLoad } from './foreign-load.ts'
import { GATEWAY } from './gateway-faults.ts'
import { healWorld } from './heal-world.ts'
import { HttpLoad } from './http-load.ts'
import { Nemesis } from './nemesis.ts'
import { checkEnds, checkErrors, checkWentOn } from './own-checks.ts'
import { PROCESSORS } from './processor-faults.ts'
import { recoveryGoals } from './recovery-goals.ts'
import { SINKS } from './sink-faults.ts'
import { Unavailability, type UnavailabilityReport } from './unavailability.ts'
import { ChaosWorld, TIMES } from './world.ts'

export interface ChaosOptions {
  /** For everything: data of brokers and databases, of roles, what they said. */
  readonly folder: string
  readonly seed: number
  /** How long faults are made. Starting, draining and comparing come on top. */
  readonly minutes: number
  /** Records a second. */
  readonly ratePerS: number
  readonly partitions: number
  /** Kinds of faults. Default: all but those that have to be asked for. */
  readonly kinds?: readonly string[] | undefined
  /** Aborted: the faults end now, and what follows is as at the end of the time. Default: they have their time. */
  readonly endEarly?: AbortSignal
  readonly onProgress: (line: string) => void
}

const KEYS = 2_000
const STATUS_EVERY_MS = 10_000
/** Only ends what hangs: after each record that is worked off it begins anew. */
const DRAIN_STALLED_MS = 150_000
/** These too: many times what they take on a busy machine. */
const ASK_WITHIN_MS = 60_000
const LOAD_ENDS_WITHIN_MS = 300_000
const HEALED_WITHIN_MS = 600_000
const STOPPED_WITHIN_MS = 180_000
const STARTED_WITHIN_MS = 600_000
const CLOSED_WITHIN_MS = 120_000
const WATCH_ENDS_WITHIN_MS = 30_000

/** Starts everything, makes faults, heals, drains, compares. Whatever happens, no process is left when it resolves. */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const startedAt = new Date()
  options.onProgress('starting three brokers, PostgreSQL, MongoDB and the trade store')
  const world = await within('brokers, databases and topics are there', STARTED_WITHIN_MS, () => ChaosWorld.create({ folder: options.folder, partitions: options.partitions }))
  try {
    const run = await ChaosRun.start(world, options)
    const outcome = await run.toTheEnd()
    return { ...outcome, startedAt: startedAt.toISOString(), elapsedS: (Date.now() - startedAt.getTime()) / 1000 }
  } finally {
    await within('brokers, databases and roles end', CLOSED_WITHIN_MS, () => world.close()).catch((error: unknown) => options.onProgress(String(error)))
  }
}

class ChaosRun {
  readonly #world: ChaosWorld
  readonly #options: ChaosOptions
  readonly #load: ForeignLoad
  readonly #http: HttpLoad
  readonly #watch: CommitWatch
  readonly #nemesis: Nemesis
  readonly #fromMs = Date.now()
  readonly #violations: string[] = []

  private constructor(world: ChaosWorld, options: ChaosOptions, parts: { load: ForeignLoad; http: HttpLoad; watch: CommitWatch; nemesis: Nemesis }) {
    this.#world = world
    this.#options = options
    this.#load = parts.load
    this.#http = parts.http
    this.#watch = parts.watch
    this.#nemesis = parts.nemesis
  }

  /** The roles are started; the load begins. */
  static async start(world: ChaosWorld, options: ChaosOptions): Promise<ChaosRun> {
    const { environment, direct, fleet } = world
    const { seed, partitions, ratePerS, onProgress } = options
    for (const name of [...PROCESSORS, ...SINKS, GATEWAY]) fleet.start(name)
    await until('the tables are there', () => recordChanges(direct.postgres))
    const workload = new ChaosWorkload({ seed, keys: KEYS, businessDate: () => world.businessDate })
    const load = new ForeignLoad({ brokers: direct.brokers, topic: environment.topics.ingested, partitions, workload, ratePerS })
    const http = new HttpLoad(`http://${world.listen}`)
    let nemesis: Nemesis | undefined
    const watch = CommitWatch.start({ client: environment.client, topics: environment.topics, partitions, applicationId: environment.applicationId, ...direct }, () => nemesis?.look())
    nemesis = new Nemesis({
      ...{ world, watch, load, http, seed },
      durationMs: options.minutes * 60_000,
      endEarly: options.endEarly ?? new AbortController().signal,
      kinds: options.kinds,
      onStart: (what) => onProgress(`  ${what}`),
      onFault: (record) => onProgress(describeFault(record)),
    })
    return new ChaosRun(world, options, { load, http, watch, nemesis })
  }

  async toTheEnd(): Promise<Omit<ChaosReport, 'startedAt' | 'elapsedS'>> {
    const { seed, minutes, ratePerS, partitions, folder } = this.#options
    const stopLoad = new AbortController()
    const loading = Promise.all([this.#load.run(stopLoad.signal), this.#http.run(stopLoad.signal)])
    // Looked at when the faults are over.
    loading.catch(() => {})
    const status = setInterval(() => this.#options.onProgress(this.#status), STATUS_EVERY_MS)
    let unavailability: UnavailabilityReport
    let checks: readonly Check[]
    try {
      unavailability = await this.#faults()
      this.#options.onProgress('everything heals; what has been sent is worked off')
      await this.#orViolation(() => within('everything heals', HEALED_WITHIN_MS, () => healWorld(this.#world)))
      stopLoad.abort()
      await this.#orViolation(() => within('the load and the requests to the gateway end', LOAD_ENDS_WITHIN_MS, () => loading, () => this.#status))
      checks = await this.#drainAndCompare()
    } finally {
      clearInterval(status)
      stopLoad.abort()
      await this.#orViolation(() => within('the watch over topics and databases ends', WATCH_ENDS_WITHIN_MS, () => this.#watch.close()))
    }
    const { sent, acknowledgedCount: acknowledged, unknown } = this.#load
    const { audits } = this.#watch
    const held = checks.every((check) => check.held)
    const { records: faults, endedEarlyMs } = this.#nemesis
    const impossible = [...this.#nemesis.impossible]
    const answersLost = this.#world.allProxies.reduce((sum, { lost }) => sum + lost, 0)
    const records = { sent, acknowledged, givenUp: unknown, committedAuditEntries: audits }
    return { seed, minutes, endedEarlyMs, ratePerS, partitions, folder, held, records, faults, impossible, answersLost, http: this.#http.report, unavailability, restarts: this.#world.fleet.unasked, checks, goals: recoveryGoals(faults, TIMES.sessionTimeoutMs) }
  }

  async #faults(): Promise<UnavailabilityReport> {
    await until('all partitions are being processed', () => this.#watch.committedSerials.every((serial) => serial >= 0))
    const unavailability = new Unavailability(this.#watch, this.#load)
    // What is broken is looked at in the end, like everything else.
    await this.#orViolation(() => this.#nemesis.run())
    return unavailability.stop()
  }

  async #drainAndCompare(): Promise<Check[]> {
    const { environment, fleet } = this.#world
    const { topics, applicationId } = environment
    const drained = await this.#orViolation(async () => {
      await this.#workedOff('input', applicationId, [topics.ingested])
      await until('no trade is due any more', async () => (await this.#http.expire()) === 0, { deadlineMs: DRAIN_STALLED_MS, describe: () => `The gateway said last: ${this.#http.lastExpiry}` })
    })
    const toMs = Date.now()
    await this.#orViolation(async () => {
      await this.#workedOff('what goes to PostgreSQL', `${applicationId}-sink-postgres`, [topics.processed])
      await this.#workedOff('what goes to MongoDB', `${applicationId}-sink-mongo`, documentTopics(topics))
    })
    // Also where something was not worked off: what is compared must not change, nor its files be opened twice.
    const stopped = await this.#orViolation(() => within('every role stops', STOPPED_WITHIN_MS, () => fleet.stopAll(), () => `Still running: ${fleet.left.join(', ')}`))
    if (!drained || !stopped) fleet.abandon()
    this.#options.onProgress('comparing')
    const compared = await finalChecks(this.#world, this.#load, { fromMs: this.#fromMs, toMs })
    return [...compared, await checkWithin('every trade that the gateway has taken was created once', () => this.#http.check(environment.client, topics.audit)), ...this.#ownChecks()]
  }

  #ownChecks(): Check[] {
    const { environment, fleet, services } = this.#world
    const away = services.filter(({ pid }) => pid === undefined)
    if (away.length > 0) this.#violations.push(`not running any more: ${away.map(({ name }) => name).join(', ')}`)
    if (this.#watch.failure !== undefined) this.#violations.push(this.#watch.failure.message)
    return [checkWentOn(this.#violations, this.#nemesis.records.length), checkEnds(fleet.unasked), checkErrors(environment.said)]
  }

  /** Until the group has no lag. It may take as long as it likes while the lag gets smaller. */
  async #workedOff(what: string, group: string, topics: readonly string[]): Promise<void> {
    let least = Number.POSITIVE_INFINITY
    const look = async () => {
      least = Math.min(least, await within(`Kafka says how much of ${what} is left`, ASK_WITHIN_MS, () => lagOf(this.#world.environment.client, group, topics)))
      return least === 0
    }
    await until(`${what} is worked off`, look, { deadlineMs: DRAIN_STALLED_MS, progress: () => least, describe: () => `At best ${least} records were left.` })
  }

  async #orViolation(act: () => Promise<unknown>): Promise<boolean> {
    try {
      await act()
      return true
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      this.#options.onProgress(message)
      this.#violations.push(message)
      return false
    }
  }

  get #status(): string {
    const { sent, acknowledgedCount, unknown } = this.#load
    return `  ${sent} sent, ${acknowledgedCount} acknowledged, ${unknown} given up, ${this.#watch.audits} committed; ${this.#nemesis.records.length} faults; gateway: ${this.#http.accepted.size} taken, ${this.#http.report.settled} known to have succeeded, last answer ${this.#http.lastAnswer.slice(0, 160)}`
  }
}
