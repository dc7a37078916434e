import { describe, vi } from 'vitest'
import { brokerContract, THEMES } from './broker/broker-contract.ts'
import { connectKafka } from './broker/connect-kafka.ts'

// the cases wait for the broker, and for its time-outs, most of the time
vi.setConfig({ maxConcurrency: 12 })

const bootstrap = process.env['TRADEWIND_KAFKA_BROKERS']?.split(',')

describe.skipIf(bootstrap === undefined)('the broker port', () => {
  // The log cleaner is one for the whole broker, and takes the dirtiest log first: among other tests it may not come by for a minute. See test/long.
  brokerContract('a Kafka broker', connectKafka(bootstrap), { only: Object.keys(THEMES).filter((theme) => theme !== 'compaction') })
})
