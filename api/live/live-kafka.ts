import { type Broker, ConnectionLostError } from '../../ports/broker.ts'
import { type Clock, sleep } from '../../ports/clock.ts'
import type { KafkaClient } from '../../ports/kafka-client.ts'
import { KafkaError } from '../../ports/kafka-error.ts'
import { unavailable } from '../problem.ts'

/** What the live part asks of Kafka: it reads, and looks at groups. */
export type LiveKafka = Pick<KafkaClient, 'fetcher' | 'topics' | 'listOffsets' | 'committedOffsets'> & { readonly broker: Pick<Broker, 'findCoordinator' | 'describeGroups'> }

/** The client repeats its look-ups for a minute while brokers are away: whoever waits for an answer is told earlier. `what`: what it was to find out. @throws ProblemError (503) */
export async function askInTime<T>(clock: Clock, limitMs: number, what: string, asked: Promise<T>): Promise<T> {
  const over = new AbortController()
  const late = sleep(clock, limitMs, over.signal).then((): never => {
    throw unavailable('kafka-away', `${what}: Kafka did not answer within ${limitMs / 1_000} s; try again`)
  })
  // Whichever loses the race is of no interest.
  late.catch(() => {})
  asked.catch(() => {})
  try {
    return await Promise.race([asked, late])
  } catch (error) {
    if (error instanceof KafkaError || error instanceof ConnectionLostError) throw unavailable('kafka-away', `${what}: ${error.message}; try again`)
    throw error
  } finally {
    over.abort()
  }
}
