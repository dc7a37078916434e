import type { BenchStack } from './bench-stack.ts'
import type { Contender } from './contender.ts'
import type { Measurement, Metric } from './results.ts'

export interface ScenarioOptions {
  /** Of a drain. */
  readonly records: number
  /** Numbers of trades, where a scenario goes through several. */
  readonly keys: readonly number[] | undefined
  /** Records a second; a scenario that goes through one of them takes the first. */
  readonly rates: readonly number[] | undefined
  /** Records a second that come in while an instance is restarted. */
  readonly loadRate: number
  /** Length of a measured stretch. */
  readonly seconds: number
  /** Before it, for compilers. */
  readonly warmSeconds: number
  /** Of the cases of scale: threads or instances, partitions, bytes of a value. */
  readonly units: readonly number[]
  readonly partitions: readonly number[]
  readonly valueBytes: readonly number[]
  /** How many trades expire. */
  readonly expire: number
  /** Of a soak. */
  readonly minutes: number
  /** How often the broker works off the whole input before anything is measured. */
  readonly warmDrains: number
}

export interface ScenarioContext {
  readonly stack: BenchStack
  readonly options: ScenarioOptions
  readonly profileDirectory: string | undefined
  /** A name that no run has had, and an empty folder for it. */
  newRun(contender: string): { group: string; stateDirectory: string }
  say(line: string): void
  /** Put into the results, once. */
  checked(what: string): void
}

export interface Scenario<Kind extends { name: string; title: string; settings: string } = Contender> {
  readonly name: string
  /** The first one is what ratios, and the chart, are about. */
  readonly metrics: readonly Metric[]
  readonly needsPostgres?: boolean
  readonly needsMongo?: boolean
  /** All that may take part, ours first. */
  readonly contenders: readonly Kind[]
  /** Records that every process of a contender works off, where that is always the same. */
  worksOff?(options: ScenarioOptions): number
  prepare(context: ScenarioContext): Promise<void>
  /** One round of one contender, by case. */
  measure(context: ScenarioContext, contender: Kind): Promise<ReadonlyMap<string, Measurement>>
}
