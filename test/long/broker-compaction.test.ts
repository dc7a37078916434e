import { describe } from 'vitest'
import { brokerContract } from '../contract/broker/broker-contract.ts'
import { connectKafka } from '../contract/broker/connect-kafka.ts'

const bootstrap = process.env['TRADEWIND_KAFKA_BROKERS']?.split(',')

describe.skipIf(bootstrap === undefined)('the broker port', () => {
  // the log cleaner comes by every 15 s
  brokerContract('a Kafka broker', connectKafka(bootstrap), { together: ['compaction'], only: ['compaction'] })
})
