import { Kafka, logLevel } from 'kafkajs'
import { until } from '../../support/until.ts'
import { between, pick, seconds } from './draw.ts'
import type { FaultKind } from './fault.ts'
import { signalService } from './pause-service.ts'
import type { ChaosWorld } from './world.ts'

export const brokerFaults: readonly FaultKind[] = [
  {
    name: 'broker killed',
    area: 'brokers',
    make({ brokers }, chance) {
      const broker = pick(chance, brokers)
      const holdMs = between(chance, 0, 5_000)
      return { what: `${broker.name} is killed, and started again after ${seconds(holdMs)}`, holdMs, inject: () => broker.stop('kill'), heal: () => broker.start() }
    },
  },
  {
    name: 'broker restarted',
    area: 'brokers',
    make({ brokers }, chance) {
      const broker = pick(chance, brokers)
      return { what: `${broker.name} is told to stop, and started again`, holdMs: 0, inject: () => broker.stop('term'), heal: () => broker.start() }
    },
  },
  {
    name: 'broker paused',
    area: 'brokers',
    make({ brokers }, chance) {
      const broker = pick(chance, brokers)
      const holdMs = between(chance, 500, 8_000)
      return { what: `${broker.name} is paused for ${seconds(holdMs)}`, holdMs, inject: async () => signalService(broker, 'SIGSTOP'), heal: async () => signalService(broker, 'SIGCONT') }
    },
  },
  {
    name: 'all brokers killed',
    area: 'brokers',
    onlyByName: 'Kafka 4.3 may leave a committed transaction without its markers then (KAFKA-20734)',
    make({ brokers }, chance) {
      const holdMs = between(chance, 0, 2_000)
      return {
        what: `all brokers are killed, and started again after ${seconds(holdMs)}`,
        holdMs,
        inject: async () => void (await Promise.all(brokers.map((broker) => broker.stop('kill')))),
        heal: async () => void (await Promise.all(brokers.map((broker) => broker.start()))),
      }
    },
  },
  {
    name: 'leaders moved',
    area: 'brokers',
    make: (world) => ({ what: 'every partition, coordinators too, gets another leader', holdMs: 0, inject: () => moveLeaders(world), heal: async () => {} }),
  },
]

/** Of each partition the second replica becomes the first of the list, and with that its leader: the controller sees to it every second. */
async function moveLeaders({ environment, stack }: ChaosWorld): Promise<void> {
  const { topics } = await environment.client.broker.metadata(undefined)
  const wanted = new Map<string, number>()
  const reassigned = topics.map(({ name, partitions }) => ({
    topic: name,
    partitionAssignment: partitions.map(({ partition, replicas }) => {
      const [first = 0, ...others] = replicas
      wanted.set(`${name}-${partition}`, others[0] ?? first)
      return { partition, replicas: [...others, first] }
    }),
  }))
  const admin = new Kafka({ clientId: 'nemesis', brokers: stack.brokers.split(','), logLevel: logLevel.NOTHING }).admin()
  await admin.connect()
  try {
    await admin.alterPartitionReassignments({ topics: reassigned })
  } finally {
    await admin.disconnect()
  }
  await until('the leaders have moved', async () => {
    const now = await environment.client.broker.metadata(undefined)
    return now.topics.every(({ name, partitions }) => partitions.every(({ partition, leader }) => wanted.get(`${name}-${partition}`) === leader))
  })
}
