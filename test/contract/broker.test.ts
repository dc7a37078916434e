import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, vi } from 'vitest'
import { WireBroker } from '../../kafka/wire-broker.ts'
import { systemClock } from '../../ports/system-clock.ts'
import { brokerContract } from './broker/broker-contract.ts'

// the cases wait for the broker, and for its time-outs, most of the time
vi.setConfig({ maxConcurrency: 12 })

const bootstrap = process.env['TRADEWIND_KAFKA_BROKERS']?.split(',')

describe.skipIf(bootstrap === undefined)('the broker port', () => {
  const connectAll = async () => {
    const open = new Set<WireBroker>()
    const connect = (clientId: string) => {
      const broker = new WireBroker({ bootstrap: bootstrap ?? [], clientId, clock: systemClock })
      open.add(broker)
      return broker
    }
    const close = async () => {
      for (const broker of open) await broker.close()
    }
    const time = { now: Date.now, pass: (ms: number) => delay(ms), settled: <T>(promise: Promise<T>) => promise }
    return { ...time, broker: connect('contract'), connect, run: randomUUID().slice(0, 8), compact: () => {}, close }
  }
  // the log cleaner comes by every 15 s
  brokerContract('a Kafka broker', connectAll, { together: ['compaction'] })
})
