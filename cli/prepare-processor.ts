import { join } from 'node:path'
import type { Settings } from '../config/settings.ts'
import { ApplicationTopology, changelogTopic } from '../engine/application-topology.ts'
import { RESET } from '../engine/source-watch.ts'
import type { KafkaClient } from '../ports/kafka-client.ts'
import { systemRandom } from '../ports/system-random.ts'
import { nodeDisk } from '../stores/node-disk.ts'
import { StateDirectory } from '../stores/state-directory.ts'
import { type Application, loadApplication } from './applications.ts'
import { connectKafka } from './kafka.ts'
import { recordSources } from './record-sources.ts'
import { settleIdentities } from './settle-identities.ts'
import type { RunningRules } from './stream-worker-messages.ts'
import { ensureTopics, type WantedTopic } from './topic-check.ts'

const WEEK_MS = 7 * 24 * 60 * 60 * 1000
/** Retention -1: a hundred years. */
const FOR_EVER_MS = 100 * 365 * 24 * 60 * 60 * 1000

/** A processor whose topics are there and whose state directory is its own. */
export interface PreparedProcessor {
  readonly settings: Settings
  readonly partitionCounts: ReadonlyMap<string, number>
  /** Folder of the stores. */
  readonly stateDirectory: string
  readonly rules: RunningRules
  /** Instance id of a stream thread: the same after a restart. */
  threadName(number: number): string
  release(): Promise<void>
}

/** Looks at everything that a processor stands on before it takes part in anything. Throws `PersonsMistake` or `StateDirectoryError`. */
export async function prepareProcessor(options: { settings: Settings; brokers: string; topologyModule: string | undefined }): Promise<PreparedProcessor> {
  const { settings, brokers } = options
  const application = await loadApplication(options.topologyModule, settings)
  const kafka = connectKafka(settings, brokers, settings['application.id'])
  try {
    const { clusterId } = await kafka.client.broker.metadata([])
    const topology = await prepareTopics(kafka.client, application, settings)
    const directory = await StateDirectory.open({
      disk: nodeDisk,
      random: systemRandom,
      dataDirectory: settings['data.dir'],
      applicationId: settings['application.id'],
      clusterId,
      stores: new Map(topology.stores.map(({ name, kind = 'log' }) => [name, `${kind} 1`])),
      adopt: settings['state.adopt'],
    })
    const threadName = (number: number) => `${settings['application.id']}-${directory.processId}-${number}`
    try {
      await recordSources(directory, kafka.client, topology)
      await settleIdentities(directory, { client: kafka.client, groupId: settings['application.id'], threadNames: Array.from({ length: settings.threads }, (_, number) => threadName(number)) })
    } catch (error) {
      await directory.close()
      throw error
    }
    return {
      settings,
      partitionCounts: topology.partitionCounts,
      stateDirectory: join(directory.path, 'stores'),
      rules: { latestBusinessDay: new Int32Array(new SharedArrayBuffer(4)), deleteMemoryMs: await retentionMs(kafka.client, topology.sourceTopics) },
      threadName,
      release: () => directory.close(),
    }
  } finally {
    await kafka.close()
  }
}

/** The longest retention of the input topics: that long a message may come late. */
async function retentionMs(client: KafkaClient, topics: readonly string[]): Promise<number> {
  const described = await client.broker.describeTopicConfigs(topics)
  const retentions = described.map(({ configs }) => Number(configs.get('retention.ms') ?? WEEK_MS))
  return retentions.some((retention) => retention < 0) ? FOR_EVER_MS : Math.max(...retentions)
}

/** Topics of the topology first; the changelogs have as many partitions as there are tasks. */
async function prepareTopics(client: KafkaClient, application: Application, settings: Settings): Promise<ApplicationTopology> {
  const creation = { create: settings['topics.create'], partitions: settings['topics.partitions'], replicationFactor: settings['topics.replicationFactor'] }
  const parts = application.topology.subTopologies()
  const names = [...new Set([...parts.flatMap((part) => part.sourceTopics), ...application.topology.sinkTopics])]
  const counts = await ensureTopics(client, names.map((name) => wanted(application, name)), creation)
  const topology = new ApplicationTopology(settings['application.id'], application.topology, counts)
  const changelogs = topology.stores.map(({ name, changelogConfigs }): WantedTopic => {
    const topic = changelogTopic(topology.applicationId, name)
    // Never to make the changelog anew: the state would be gone, and the input read all the same.
    const remedy = `It has as many as the input topics of its state had (${topology.sourceTopics.join(', ')}): where one of these has grown, make it anew as it was, or ${RESET}`
    return { name: topic, partitions: topology.partitionCounts.get(topic), remedy, configs: new Map([...CHANGELOG_CONFIGS, ...(changelogConfigs ?? [])]), mustBe: ['cleanup.policy'], atLeast: new Map() }
  })
  await ensureTopics(client, changelogs, creation)
  return topology
}

/** Tombstones stay for a week: a store may be away that long and still learn of every delete. */
const CHANGELOG_CONFIGS: readonly (readonly [string, string])[] = [
  ['cleanup.policy', 'compact'],
  ['delete.retention.ms', String(WEEK_MS)],
]

function wanted(application: Application, name: string): WantedTopic {
  const definition = application.topics.find((topic) => topic.name === name)
  return { name, partitions: undefined, configs: definition?.configs ?? new Map(), mustBe: definition?.mustBe ?? [], atLeast: definition?.atLeast ?? new Map() }
}
