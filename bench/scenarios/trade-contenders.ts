import { kafkaJs } from '../peers/kafkajs.ts'
import { kafkaStreams } from '../peers/kafka-streams.ts'
import { tradewind } from '../peers/tradewind.ts'
import type { Contender } from '../harness/contender.ts'

/** All that process trades, ours first. */
export const tradeContenders: readonly Contender[] = [tradewind, ...kafkaStreams, kafkaJs]
