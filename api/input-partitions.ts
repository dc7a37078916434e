import type { Clock } from '../ports/clock.ts'
import type { KafkaClient } from '../ports/kafka-client.ts'
import { askInTime } from './live/live-kafka.ts'
import { unavailable } from './problem.ts'

/** Of a call that comes before the count is known. */
const LIMIT_MS = 1_000

/**
 * Partitions of the topic that trades are written to. Kafka is asked until it has told once: the count stays, since the application stops where it changes.
 * The answer rejects with a ProblemError (503) after a second without one, and where the topic is not there.
 */
export function inputPartitions({ kafka, topic, clock }: { kafka: Pick<KafkaClient, 'topics'>; topic: string; clock: Clock }): () => Promise<number> {
  let known: number | undefined
  let underWay: Promise<number> | undefined
  const ask = async () => {
    const [found] = await kafka.topics([topic])
    if (found === undefined || found.errorCode !== 0 || found.partitions.length === 0) throw unavailable('kafka-away', `topic ${topic} is not there; the processor creates it`)
    known = found.partitions.length
    return known
  }
  return async () => {
    if (known !== undefined) return known
    // Repeated below for a minute: who asks meanwhile waits for the same answer.
    underWay ??= ask().finally(() => {
      underWay = undefined
    })
    return askInTime(clock, LIMIT_MS, `the partitions of topic ${topic} are not known`, underWay)
  }
}
