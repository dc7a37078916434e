import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Role } from '../../cli/demo/role.ts'
import { type ConnectedKafka, connectKafka } from '../../cli/kafka.ts'
import type { ProcessorStatus } from '../../cli/processor-status.ts'
import { readTopic } from '../../cli/self-check/read-topic.ts'
import { loadSettings } from '../../config/load-settings.ts'
import { BatchBuilder } from '../../records/batch-builder.ts'
import { ByteView } from '../../records/byte-view.ts'
import { murmur2, partitionOf } from '../../records/murmur2.ts'
import { until } from '../support/until.ts'

const brokers = process.env['TRADEWIND_KAFKA_BROKERS']

describe.runIf(brokers !== undefined)('the examples of the documentation, run as their reader runs them', { timeout: 900_000 }, () => {
  let kafka: ConnectedKafka
  const dataDir = mkdtempSync(join(tmpdir(), 'examples-'))
  const run = randomUUID().slice(0, 8)
  const roles: Role<ProcessorStatus>[] = []

  beforeAll(() => {
    kafka = connectKafka(loadSettings(new Map(), {}).values, brokers ?? '', 'examples')
  })
  afterAll(async () => {
    for (const role of roles) await role.stop(10_000)
    await kafka.close()
    rmSync(dataDir, { recursive: true, force: true })
  })

  async function start(example: string): Promise<void> {
    const application = `${example}-${run}`
    const role = new Role<ProcessorStatus>(example, ['processor', '--topology', `docs/examples/${example}.ts`, '--application-id', application, '--data', dataDir, '--kafka-brokers', brokers ?? ''], () => {})
    roles.push(role)
    await until(`${example} runs`, () => {
      role.check()
      return (role.status?.running.length ?? 0) > 0
    })
  }

  async function send(topic: string, records: readonly (readonly [string, string])[]): Promise<void> {
    const [metadata] = (await kafka.client.broker.metadata([topic])).topics
    const partitions = metadata?.partitions.length ?? 0
    const builders = new Map<number, BatchBuilder>()
    for (const [key, value] of records) {
      const view = ByteView.of(key)
      const partition = partitionOf(murmur2(view.buffer, view.start, view.end), partitions)
      const builder = builders.get(partition) ?? new BatchBuilder({ transactional: false })
      builders.set(partition, builder)
      builder.append(Date.now(), view, ByteView.of(value), undefined)
    }
    const producer = kafka.client.producer()
    await producer.produce([...builders].map(([partition, builder]) => ({ topic, partition, bytes: builder.seal(), recordCount: builder.recordCount })))
    await producer.close()
  }

  /** Values of the keys of this run, in order. */
  async function valuesOf(topic: string, keys: readonly string[], count: number): Promise<Map<string, Buffer[]>> {
    let found = new Map<string, Buffer[]>()
    await until(`${count} records in ${topic}`, async () => {
      found = new Map()
      await readTopic(kafka.client, topic, (record) => {
        const key = record.key.toString()
        if (keys.includes(key)) found.set(key, [...(found.get(key) ?? []), record.value.copy()])
      })
      return [...found.values()].flat().length >= count
    })
    return found
  }

  test('word-count counts', async () => {
    await start('word-count')
    const [apple, pear] = [`apple-${run}`, `pear-${run}`]
    await send('words', [[apple, 'x'], [pear, 'x'], [apple, 'x'], [apple, 'x']])
    const totals = await valuesOf('word-totals', [apple, pear], 4)
    expect(totals.get(apple)?.map((value) => value.readInt32BE())).toEqual([1, 2, 3])
    expect(totals.get(pear)?.map((value) => value.readInt32BE())).toEqual([1])
  })

  test('late-orders parts what is late from what is not, and takes out what it cannot read', async () => {
    await start('late-orders')
    const order = `order-${run}`
    const [first, second, late] = [1, 3, 2].map((revision) => JSON.stringify({ revision, amount: 10 })) as [string, string, string]
    await send('orders', [[order, first], [order, second], [order, 'no JSON'], [order, late]])
    expect((await valuesOf('orders.accepted', [order], 2)).get(order)?.map(String)).toEqual([first, second])
    expect((await valuesOf('orders.late', [order], 1)).get(order)?.map(String)).toEqual([late])
    expect((await valuesOf('orders.dead-letter', [order], 1)).get(order)?.map(String)).toEqual(['no JSON'])
  })
})
