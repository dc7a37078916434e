import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { WireBroker } from '../../../kafka/wire-broker.ts'
import { systemClock } from '../../../ports/system-clock.ts'
import type { ContractTarget } from './contract-run.ts'

/** Targets of the contract on a real broker. */
export function connectKafka(bootstrap: readonly string[] = []): () => Promise<ContractTarget> {
  return async () => {
    const open = new Set<WireBroker>()
    const connect = (clientId: string) => {
      const broker = new WireBroker({ bootstrap, clientId, clock: systemClock })
      open.add(broker)
      return broker
    }
    const close = async () => {
      for (const broker of open) await broker.close()
    }
    const time = { now: Date.now, pass: (ms: number) => delay(ms), settled: <T>(promise: Promise<T>) => promise }
    return { ...time, broker: connect('contract'), connect, run: randomUUID().slice(0, 8), compact: () => {}, close }
  }
}
