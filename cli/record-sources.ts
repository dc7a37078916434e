import type { ApplicationTopology } from '../engine/application-topology.ts'
import { RESET } from '../engine/source-watch.ts'
import type { KafkaClient } from '../ports/kafka-client.ts'
import type { StateDirectory } from '../stores/state-directory.ts'
import { PersonsMistake } from './exit.ts'

/** What a state directory keeps of an application. */
type Facts = Pick<StateDirectory, 'path' | 'fact' | 'recordOnce'>

/**
 * The partition of a key, and with it the place of its state, depends on the partition count, and what an offset means on the topic: neither may change under an application. `SourceWatch` looks while it runs; a
 * supervisor that starts it again must not get it past that.
 */
export async function recordSources(directory: Facts, client: Pick<KafkaClient, 'topics'>, topology: ApplicationTopology): Promise<void> {
  for (const topic of topology.sourceTopics) await directory.recordOnce(`partitions of ${topic}`, String(topology.partitionCounts.get(topic)))
  for (const { name, topicId, errorCode } of await client.topics(topology.sourceTopics, { maxAgeMs: 0 })) {
    // A broker that lags behind may not know it at this moment: what it says then is no id. The watch looks again soon.
    if (errorCode !== 0) continue
    const recorded = directory.fact(`topic id of ${name}`)
    if (recorded !== undefined && recorded !== topicId) throw new PersonsMistake(`input topic ${name} was deleted and made anew since the state in ${directory.path} was built: ${RESET}`)
    await directory.recordOnce(`topic id of ${name}`, topicId)
  }
}
