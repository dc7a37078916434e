import { type Check, Differences } from '../../../cli/self-check/check.ts'
import { readTopic } from '../../../cli/self-check/read-topic.ts'
import type { KafkaClient } from '../../../ports/kafka-client.ts'
import { ByteView } from '../../../records/byte-view.ts'
import { findLastHeader } from '../../../records/headers.ts'
import { type AcknowledgedPartition, SERIAL_HEADER } from './foreign-load.ts'

/** What Kafka acknowledged is in the log, at the offset that it named. (That each input record has one audit entry is another check.) */
export async function checkAcknowledged(client: KafkaClient, topic: string, acknowledged: readonly AcknowledgedPartition[]): Promise<Check> {
  const name = Buffer.from(SERIAL_HEADER)
  const serial = new ByteView()
  const found = acknowledged.map(() => new Map<number, number>())
  await readTopic(client, topic, (record, partition) => {
    if (findLastHeader(record.headers, name, serial) === 'found') found[partition]?.set(record.offset, Number(serial.toString()))
  })
  const differences = new Differences()
  let count = 0
  for (const [partition, { offsets, serials }] of acknowledged.entries()) {
    count += offsets.length
    for (const [at, offset] of offsets.entries()) {
      const there = found[partition]?.get(offset)
      if (there !== serials[at]) differences.add(`record ${serials[at]} was acknowledged as ${partition}@${offset}, where there is ${there === undefined ? 'nothing' : `record ${there}`}`)
    }
  }
  const inLog = found.reduce((sum, { size }) => sum + size, 0)
  return differences.check('every acknowledged input is in the log, where it was acknowledged', `${count} acknowledged, ${inLog} in the log`)
}
