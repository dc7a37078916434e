import type { ClientFactory } from '../engine/simulation/simulated-application.ts'
import { BrokerKafkaClient } from '../kafka/kafka-client.ts'

/** The product's Kafka client, on the model of a broker. */
export const simulatedClient: ClientFactory = (broker, clock, random) => new BrokerKafkaClient({ broker, clock, random })
