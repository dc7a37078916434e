import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { describe } from 'vitest'
import { WireBroker } from '../../kafka/wire-broker.ts'
import { systemClock } from '../../ports/system-clock.ts'
import { brokerContract } from './broker/broker-contract.ts'

const bootstrap = process.env['TRADEWIND_KAFKA_BROKERS']?.split(',')

describe.skipIf(bootstrap === undefined)('the broker port', () => {
  brokerContract('a Kafka broker', async () => {
    const open = new Set<WireBroker>()
    const connect = (clientId: string) => {
      const broker = new WireBroker({ bootstrap: bootstrap ?? [], clientId, clock: systemClock })
      open.add(broker)
      return broker
    }
    const close = async () => {
      for (const broker of open) await broker.close()
    }
    return { broker: connect('contract'), connect, run: randomUUID().slice(0, 8), now: Date.now, pass: (ms: number) => delay(ms), settled: (promise) => promise, close }
  })
})
