import type { KafkaClient } from '../../ports/kafka-client.ts'
import { CommittedCursor } from '../../records/committed-cursor.ts'
import { PersonsMistake } from '../exit.ts'

/** Visits every committed record of a topic up to its end of now, in order within each partition. The cursor's views are valid during the visit. */
export async function readTopic(client: KafkaClient, topic: string, visit: (record: CommittedCursor, partition: number) => void): Promise<void> {
  const [metadata] = await client.topics([topic])
  const partitions = (metadata?.partitions ?? []).map(({ partition }) => ({ topic, partition }))
  const starts = await client.listOffsets(partitions, 'earliest')
  const ends = await client.listOffsets(partitions, 'stable')
  const left = new Map(ends.map(({ partition, offset }) => [partition, offset]))
  const fetcher = client.fetcher({ readCommitted: true })
  const cursor = new CommittedCursor()
  try {
    for (const { partition, offset } of starts) {
      if (offset < (left.get(partition) ?? 0)) fetcher.assign({ topic, partition }, { offset, leaderEpoch: undefined })
      else left.delete(partition)
    }
    while (left.size > 0) {
      const taken = fetcher.take()
      if (taken === undefined) {
        await fetcher.ready()
        continue
      }
      if (taken.kind === 'failure') throw new PersonsMistake(`${topic}-${taken.partition} cannot be read: ${taken.message}`)
      cursor.reset(taken)
      while (cursor.next()) visit(cursor, taken.partition)
      if (taken.nextOffset < (left.get(taken.partition) ?? 0)) continue
      left.delete(taken.partition)
      fetcher.remove(taken)
    }
  } finally {
    await fetcher.close()
  }
}
