import { BrokerKafkaClient } from '../../kafka/kafka-client.ts'
import { WireBroker } from '../../kafka/wire-broker.ts'
import { systemClock } from '../../ports/system-clock.ts'
import { systemRandom } from '../../ports/system-random.ts'
import { startPostgresSink } from '../../sinks/postgres/postgres-sink.ts'

// A PostgreSQL sink as a process of its own, which kills itself without a word at the place, and the visit to it, that it is told.
const { brokers, url, groupId, topic, deadLetterTopic, place, visit }: Record<string, string> = JSON.parse(process.argv[2] ?? '{}')
const broker = new WireBroker({ bootstrap: [brokers ?? ''], clientId: 'sink-process', clock: systemClock })
const client = new BrokerKafkaClient({ broker, clock: systemClock, random: systemRandom })
let visits = 0
const sink = startPostgresSink({
  client,
  clock: systemClock,
  random: systemRandom,
  url: url ?? '',
  groupId: groupId ?? '',
  groupInstanceId: 'one',
  topic: topic ?? '',
  deadLetterTopic: deadLetterTopic ?? '',
  sessionTimeoutMs: 6_000,
  batchRows: 50,
  failpoint: (name) => {
    if (name === place && ++visits === Number(visit)) process.kill(process.pid, 'SIGKILL')
  },
})
const error = await sink.ended
throw error ?? new Error('the sink ended by itself')
