import { join } from 'node:path'
import { ChildProgram } from '../harness/child-program.ts'
import type { Contender } from '../harness/contender.ts'
import { installJavaPeers } from './java-peers.ts'

const HEAP = ['-Xmx2g', '-XX:+UseG1GC']

/**
 * The same rules on Kafka Streams, exactly_once_v2, RocksDB, cache 0 (with a cache, intermediate states of a trade would not be written at all).
 * Everything else is the default of Kafka Streams but for what the variant says.
 */
export const kafkaStreams: readonly Contender[] = [
  variant('kafka-streams', 'Kafka Streams', {}),
  variant('kafka-streams-2', 'Kafka Streams, two threads', { 'num.stream.threads': '2' }),
  variant('kafka-streams-tuned', 'Kafka Streams, tuned for throughput', {
    'num.stream.threads': '2',
    'commit.interval.ms': '1000',
    'buffered.records.per.partition': '5000',
    'main.consumer.max.poll.records': '10000',
    'main.consumer.fetch.min.bytes': '65536',
    'producer.batch.size': '262144',
    'producer.buffer.memory': '67108864',
  }),
  variant('kafka-streams-prompt', 'Kafka Streams, tuned for latency', { 'num.stream.threads': '2', 'commit.interval.ms': '10', 'producer.linger.ms': '1', 'poll.ms': '10' }),
  // By default an instance that joins is given tasks only once it has copied their state, which is looked at every ten minutes.
  variant('kafka-streams-move', 'Kafka Streams, tasks move at once', { 'acceptable.recovery.lag': '9223372036854775807' }),
  variant('kafka-streams-session', 'Kafka Streams, session of 6 s', { 'session.timeout.ms': '6000', 'heartbeat.interval.ms': '2000' }),
]

function variant(name: string, title: string, settings: Readonly<Record<string, string>>): Contender {
  const own = Object.entries(settings).map(([key, value]) => `${key}=${value}`)
  return {
    name,
    title,
    settings: ['exactly_once_v2, cache 0', ...own, ...HEAP].join(', '),
    async install() {
      await installJavaPeers()
    },
    async start(stack, { group, stateDirectory, profileDirectory, threads }) {
      const { java, classPath } = await installJavaPeers()
      const recording = profileDirectory === undefined ? [] : [`-XX:StartFlightRecording=filename=${join(profileDirectory, `${name}.jfr`)},settings=profile`]
      const application = [`application.id=${group}`, `bootstrap.servers=${stack.brokers}`, `state.dir=${stateDirectory}`, ...own, ...(threads === undefined ? [] : [`num.stream.threads=${threads}`])]
      const command = [java, ...HEAP, ...recording, '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn', '-cp', classPath, 'peer.TradeApp', ...application]
      return new ChildProgram({ name: title, command, readyLine: 'STATE RUNNING' })
    },
  }
}
