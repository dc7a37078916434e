import { readFileSync } from 'node:fs'
import type { Settings } from '../config/settings.ts'
import { BrokerKafkaClient } from '../kafka/kafka-client.ts'
import { WireBroker } from '../kafka/wire-broker.ts'
import { systemClock } from '../ports/system-clock.ts'
import { systemRandom } from '../ports/system-random.ts'
import { PersonsMistake } from './exit.ts'

/** A client on real brokers, by the settings. Closing it closes its connections. */
export interface ConnectedKafka {
  readonly client: BrokerKafkaClient
  close(): Promise<void>
}

export function connectKafka(settings: Settings, brokers: string, clientId: string): ConnectedKafka {
  const mechanism = settings['kafka.sasl.mechanism']
  const ca = settings['kafka.tls.ca']
  const broker = new WireBroker({
    bootstrap: brokers.split(','),
    clientId,
    clock: systemClock,
    ...(settings['kafka.tls'] && { tls: ca === undefined ? {} : { ca: readCa(ca) } }),
    ...(mechanism !== undefined && { sasl: { mechanism, username: settings['kafka.sasl.username'] ?? '', password: settings['kafka.sasl.password'] ?? '' } }),
  })
  const client = new BrokerKafkaClient({ broker, clock: systemClock, random: systemRandom })
  return {
    client,
    async close() {
      await client.close()
      await broker.close()
    },
  }
}

function readCa(file: string): Buffer {
  try {
    return readFileSync(file)
  } catch (error) {
    throw new PersonsMistake(`kafka.tls.ca: ${error instanceof Error ? error.message : String(error)}; expected a file with the certificate authority of the brokers (PEM)`, { cause: error })
  }
}
