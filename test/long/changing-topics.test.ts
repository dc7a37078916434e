import { Kafka, logLevel } from 'kafkajs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { NewTrades } from '../support/new-trades.ts'
import { brokersOfRun, TradeEnvironment } from '../support/trade-environment.ts'

describe.skipIf(brokersOfRun === undefined)('topics that change while the application runs', { timeout: 300_000 }, () => {
  let environment: TradeEnvironment
  const kafka = new Kafka({ brokers: brokersOfRun?.split(',') ?? [], logLevel: logLevel.NOTHING })

  beforeEach(async () => {
    environment = await TradeEnvironment.create({ settings: { 'topics.partitions': '2' } })
  })
  afterEach(() => environment.close())

  test('the input gets more partitions: the processor ends with one message that names the topic and both counts, and does not start again', async () => {
    const { ingested } = environment.topics
    const processor = environment.processor()
    await environment.running(processor)
    await environment.generator({ workload: new NewTrades({ prefix: 'T-', maturity: '2030-01-01' }), ratePerS: 0, count: 100 }).run()
    await environment.processed(processor)
    await grow(ingested, 3)
    await processor.ended
    expect(processor.exit).toBe('exit code 1')
    const message = environment.said.findLast((line) => line.includes('input topic'))
    expect(message).toMatch(new RegExp(`tradewind processor: input topic ${ingested} has 3 partitions now, and had 2 when the application started.* reset the application: stop all its instances`))
    expect(environment.said.join('\n')).not.toMatch(/ at .*\.ts:\d+/)
    const again = await environment.command(['processor'])
    expect(again.exit).toBe('exit code 1')
    expect(again.output).toMatch(new RegExp(`-trades-changelog has 2 partitions, expected 3.*input topics of its state had \\(${ingested}\\).*make it anew as it was, or reset the application`))
  })

  test.each([
    ['deleted', false, /is not there( any more)?[,;]/],
    ['deleted and made anew', true, /made anew/],
  ])('the input is %s: the processor ends with one message that says so', async (_, isMadeAnew, says) => {
    const { ingested } = environment.topics
    const processor = environment.processor()
    await environment.running(processor)
    await environment.generator({ workload: new NewTrades({ prefix: 'T-', maturity: '2030-01-01' }), ratePerS: 0, count: 100 }).run()
    await environment.processed(processor)
    await environment.client.broker.deleteTopics([ingested])
    if (isMadeAnew) {
      await environment.until('it is gone', async () => (await environment.client.broker.metadata([ingested])).topics[0]?.errorCode === 3)
      await environment.client.broker.createTopics([{ name: ingested, partitions: 2, replicationFactor: 1, configs: new Map() }])
    }
    await processor.ended
    expect(processor.exit).toBe('exit code 1')
    const message = environment.said.findLast((line) => line.startsWith('processor: tradewind processor: '))
    expect(message).toMatch(says)
    expect(message).toMatch(new RegExp(`input (topic )?${ingested}.* reset the application: stop all its instances`))
    // Not found, it would be created at the next start: another one, too.
    const again = await environment.command(['processor'])
    expect(again.exit).toBe('exit code 1')
    expect(again.output).toMatch(new RegExp(`input topic ${ingested} was deleted and made anew since the state in .* was built: reset the application`))
  })

  test('what a sink reads gets more partitions: it goes on, with the new partitions', async () => {
    const { processed } = environment.topics
    const sink = environment.sink('postgres')
    await environment.until('it runs', () => sink.status?.state === 'running')
    await grow(processed, 4)
    const producer = kafka.producer()
    await producer.connect()
    await producer.send({ topic: processed, messages: [{ key: 'T-1', value: null, partition: 3 }] })
    await producer.disconnect()
    const isRead = async () => {
      const [found] = await environment.client.committedOffsets(`${environment.applicationId}-sink-postgres`, [{ topic: processed, partition: 3 }], { requireStable: true })
      return found?.offset === 1
    }
    await environment.until('the new partition is read', isRead, 30_000)
    await environment.stop(sink)
  })

  async function grow(topic: string, count: number): Promise<void> {
    const admin = kafka.admin()
    await admin.connect()
    await admin.createPartitions({ topicPartitions: [{ topic, count }] })
    await admin.disconnect()
  }
})
