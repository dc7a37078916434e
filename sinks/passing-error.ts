import { ConnectionLostError } from '../ports/broker.ts'
import { KafkaError } from '../ports/kafka-error.ts'

const LASTING_SCOPES: readonly KafkaError['scope'][] = ['fatal', 'record', 'position', 'fenced']

/** Kafka is away, or in the middle of something: the same request will do later. */
export function passesByItself(error: unknown): error is Error {
  return error instanceof ConnectionLostError || (error instanceof KafkaError && !LASTING_SCOPES.includes(error.scope))
}
