import { type Broker, ConnectionLostError, type TopicMetadata } from '../ports/broker.ts'
import { type Clock, sleep } from '../ports/clock.ts'
import type { KafkaClient } from '../ports/kafka-client.ts'
import { systemClock } from '../ports/system-clock.ts'
import { PersonsMistake } from './exit.ts'

export interface WantedTopic {
  readonly name: string
  /** `undefined`: any number. */
  readonly partitions: number | undefined
  /** What to do where it has another number. Default: to make it anew. */
  readonly remedy?: string
  /** Settings that it is created with; those in `mustBe` are also checked where the topic is there already. */
  readonly configs: ReadonlyMap<string, string>
  readonly mustBe: readonly string[]
  /** Settings that may be more than this, but not less. */
  readonly atLeast: ReadonlyMap<string, number>
}

export interface TopicCreation {
  readonly create: boolean
  readonly partitions: number
  readonly replicationFactor: number
  readonly clock?: Clock
}

/** How long a controller and the leaders of topics are waited for: brokers that are restarted, or an election, or a busy machine. */
const PATIENCE_MS = 60_000
const LOOK_EVERY_MS = 100
const TOPIC_ALREADY_EXISTS = 36
const UNKNOWN_TOPIC = 3

/**
 * Creates the topics that are missing and checks those that are there: partition count and settings. Throws `PersonsMistake` with every fault at once. Answers the partition counts.
 */
export async function ensureTopics(client: KafkaClient, wanted: readonly WantedTopic[], options: TopicCreation): Promise<Map<string, number>> {
  const names = wanted.map(({ name }) => name)
  // Asked of a broker, not of the client's cache: topics may have been deleted a moment ago.
  const missing = (await client.broker.metadata(names)).topics.filter(({ errorCode }) => errorCode === UNKNOWN_TOPIC).map(({ name }) => name)
  const faults: string[] = []
  if (missing.length > 0 && options.create) faults.push(...(await create(client.broker, wanted.filter(({ name }) => missing.includes(name)), options)))
  else faults.push(...missing.map((name) => `topic ${name} is missing; create it, or set topics.create to true`))
  if (faults.length > 0) throw new PersonsMistake(list(faults))
  const found = await describe(client, names, options)
  faults.push(...wanted.flatMap((topic) => partitionFaults(topic, found)))
  faults.push(...(await configFaults(client.broker, wanted)))
  if (faults.length > 0) throw new PersonsMistake(list(faults))
  return new Map(found.map(({ name, partitions }) => [name, partitions.length]))
}

async function create(broker: Broker, topics: readonly WantedTopic[], { partitions: count, replicationFactor, clock = systemClock }: TopicCreation): Promise<string[]> {
  const request = topics.map(({ name, partitions, configs }) => ({ name, partitions: partitions ?? count, replicationFactor, configs }))
  const endMs = clock.monotonicMs() + PATIENCE_MS
  for (;;) {
    try {
      const answers = await broker.createTopics(request)
      return answers
        .filter(({ errorCode }) => errorCode !== 0 && errorCode !== TOPIC_ALREADY_EXISTS)
        .map(({ name, errorCode, errorMessage }) => `topic ${name} could not be created: ${errorMessage ?? `error ${errorCode}`}`)
    } catch (error) {
      if (!(error instanceof ConnectionLostError) || clock.monotonicMs() >= endMs) throw error
    }
    await sleep(clock, LOOK_EVERY_MS)
  }
}

/** A topic that was just created is not known to every broker at once. */
async function describe(client: KafkaClient, names: readonly string[], { clock = systemClock }: TopicCreation): Promise<readonly TopicMetadata[]> {
  const endMs = clock.monotonicMs() + PATIENCE_MS
  for (;;) {
    const { topics } = await client.broker.metadata(names)
    const absent = topics.filter(({ errorCode, partitions }) => errorCode !== 0 || partitions.some(({ leader }) => leader === undefined))
    if (absent.length === 0) return topics
    if (clock.monotonicMs() >= endMs) throw new PersonsMistake(`topics ${absent.map(({ name }) => name).join(', ')} have no leaders after ${PATIENCE_MS / 1000} s; are all brokers up?`)
    await sleep(clock, LOOK_EVERY_MS)
  }
}

function partitionFaults(wanted: WantedTopic, found: readonly TopicMetadata[]): string[] {
  const partitions = found.find(({ name }) => name === wanted.name)?.partitions.length ?? 0
  if (wanted.partitions === undefined || wanted.partitions === partitions) return []
  return [`topic ${wanted.name} has ${partitions} partitions, expected ${wanted.partitions}; a key would be looked for in another partition than the one its state is in. ${wanted.remedy ?? `Make the topic anew with ${wanted.partitions}`}`]
}

async function configFaults(broker: Broker, wanted: readonly WantedTopic[]): Promise<string[]> {
  const checked = wanted.filter(({ mustBe, atLeast }) => mustBe.length > 0 || atLeast.size > 0)
  if (checked.length === 0) return []
  const described = await broker.describeTopicConfigs(checked.map(({ name }) => name))
  return checked.flatMap(({ name, configs, mustBe, atLeast }) => {
    const found = described.find((topic) => topic.name === name)?.configs
    const fault = (setting: string, expected: string, value: string) =>
      `topic ${name} has ${setting}=${found?.get(setting) ?? '(unknown)'}, expected ${expected}; set it with kafka-configs.sh --alter --topic ${name} --add-config ${setting}=${value}`
    const different = mustBe.filter((setting) => found?.get(setting) !== configs.get(setting)).map((setting) => fault(setting, configs.get(setting) ?? '', configs.get(setting) ?? ''))
    const tooLow = [...atLeast].filter(([setting, least]) => !(Number(found?.get(setting)) >= least)).map(([setting, least]) => fault(setting, `at least ${least}`, String(least)))
    return [...different, ...tooLow]
  })
}

function list(faults: readonly string[]): string {
  return faults.length === 1 ? (faults[0] ?? '') : `${faults.length} topics are not as they should be:\n${faults.map((fault) => `  - ${fault}`).join('\n')}`
}
