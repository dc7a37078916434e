import { type Check, Differences } from '../../../cli/self-check/check.ts'
import { readTopic } from '../../../cli/self-check/read-topic.ts'
import type { KafkaClient } from '../../../ports/kafka-client.ts'
import { readHeaders } from '../../../records/headers.ts'
import type { ActualRecord } from '../../model/compare.ts'
import { isRefusedByPostgres } from '../../model/storable.ts'

/** What a sink has put aside. */
export interface SinkLetter {
  /** `postgres` or `mongodb`, as the sink calls itself. */
  readonly connector: string
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly reason: string
}

/** Those of the processor have other headers. */
export async function readSinkLetters(client: KafkaClient, deadLetter: string): Promise<SinkLetter[]> {
  const letters: SinkLetter[] = []
  await readTopic(client, deadLetter, (record) => {
    const headers = new Map(readHeaders(record.headers).map(({ key, value }) => [key, value?.toString() ?? '']))
    const of = (name: string) => headers.get(`__connect.errors.${name}`)
    const topic = of('topic')
    if (topic === undefined) return
    letters.push({ connector: of('connector.name') ?? '', topic, partition: Number(of('partition')), offset: Number(of('offset')), reason: of('exception.message') ?? '' })
  })
  return letters
}

/** A sink puts aside what the model says that its database cannot keep, and nothing else; a letter may be there twice, after a crash. */
export function checkDeadLetters(letters: readonly SinkLetter[], processedTopic: string, processed: readonly ActualRecord[]): Check {
  const refused = new Set(processed.filter(({ value }) => isRefusedByPostgres(value)).map(({ partition, offset }) => `postgres ${processedTopic} ${partition}@${offset}`))
  const count = refused.size
  const found = new Set<string>()
  const differences = new Differences()
  for (const { connector, topic, partition, offset, reason } of letters) {
    const record = `${connector} ${topic} ${partition}@${offset}`
    found.add(record)
    if (!refused.has(record)) differences.add(`${record} is a dead letter, and the database can keep it: ${reason}`)
  }
  for (const record of refused) if (!found.has(record)) differences.add(`${record} cannot be kept, and is no dead letter`)
  return differences.check('sinks put aside what their database cannot keep, and nothing else', `${letters.length} letters, ${count} records that cannot be kept`)
}
