import { cpSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { MixedWorkload } from '../../bench/workload/mixed-workload.ts'
import { changelogTopic } from '../../engine/application-topology.ts'
import { NewTrades } from '../support/new-trades.ts'
import { brokersOfRun, TradeEnvironment } from '../support/trade-environment.ts'
import { differencesFromModel } from '../support/trade-records.ts'

const BUSINESS_DATE = '2026-12-11'

/** What a person has to put right: one message that names the cause and what to do, and no stack trace. */
describe.skipIf(brokersOfRun === undefined)('bad days', { timeout: 900_000 }, () => {
  let environment: TradeEnvironment

  beforeEach(async () => {
    environment = await TradeEnvironment.create({ settings: { 'business.date': BUSINESS_DATE, 'topics.partitions': '2' } })
  })
  afterEach(() => environment.close())

  test('no broker answers', async () => {
    const { exit, output } = await environment.command(['processor'], { settings: { 'kafka.brokers': '127.0.0.1:9' } })
    expect(exit).toBe('exit code 1')
    expect(output).toMatch(/127\.0\.0\.1:9/)
    expect(output).toContain('Check that they run')
    expectNoTrace(output)
  })

  test('topics are missing and may not be created: all of them are named at once', async () => {
    await environment.client.broker.deleteTopics([environment.topics.audit, environment.topics.expired])
    const { exit, output } = await environment.command(['processor'], { settings: { 'topics.create': 'false' } })
    expect(exit).toBe('exit code 1')
    expect(output).toContain(`topic ${environment.topics.audit} is missing`)
    expect(output).toContain(`topic ${environment.topics.expired} is missing`)
    expect(output).toContain('topics.create')
    expectNoTrace(output)
  })

  test('trade.processed is not compacted', async () => {
    await environment.client.broker.deleteTopics([environment.topics.processed])
    await environment.until('it is gone', async () => (await environment.client.broker.metadata([environment.topics.processed])).topics[0]?.errorCode === 3)
    await environment.client.broker.createTopics([{ name: environment.topics.processed, partitions: 2, replicationFactor: 1, configs: new Map() }])
    for (const role of [['processor'], ['sink', 'postgres', '--postgres-url', environment.databases.postgres]]) {
      const { exit, output } = await environment.command(role)
      expect(exit).toBe('exit code 1')
      expect(output).toMatch(/trade\.processed has cleanup\.policy=delete, expected compact; set it with/)
      expectNoTrace(output)
    }
  })

  test('a changelog has another number of partitions than there are tasks', async () => {
    const changelog = changelogTopic(environment.applicationId, 'trades')
    await environment.client.broker.createTopics([{ name: changelog, partitions: 3, replicationFactor: 1, configs: new Map([['cleanup.policy', 'compact']]) }])
    const { exit, output } = await environment.command(['processor'])
    expect(exit).toBe('exit code 1')
    expect(output).toContain(`topic ${changelog} has 3 partitions, expected 2`)
    expectNoTrace(output)
  })

  test('the input has another number of partitions than when the application first started', async () => {
    const processor = environment.processor()
    await environment.running(processor)
    await environment.stop(processor)
    const { ingested } = environment.topics
    await environment.client.broker.deleteTopics([ingested])
    await environment.until('it is gone', async () => (await environment.client.broker.metadata([ingested])).topics[0]?.errorCode === 3)
    await environment.client.broker.createTopics([{ name: ingested, partitions: 4, replicationFactor: 1, configs: new Map() }])
    const { exit, output } = await environment.command(['processor'])
    expect(exit).toBe('exit code 1')
    expect(output).toMatch(/partitions/)
    expectNoTrace(output)
  })

  test('the schema of the database is newer than the program', async () => {
    const sink = environment.sink('postgres')
    await environment.until('the tables are there', () => sink.status?.state === 'running' || sink.status?.state === 'waiting')
    await environment.stop(sink)
    const client = new pg.Client(environment.databases.postgres)
    await client.connect()
    await client.query("INSERT INTO schema_migrations SELECT (jsonb_populate_record(m, '{\"version\": 99, \"name\": \"of the future\"}')).* FROM schema_migrations m ORDER BY version LIMIT 1")
    await client.end()
    const { exit, output } = await environment.command(['sink', 'postgres', '--postgres-url', environment.databases.postgres])
    expect(exit).toBe('exit code 1')
    expect(output).toMatch(/version 99 .*newer release/)
    expectNoTrace(output)
  })

  test('the state directory is in use, or is a copy; a copy is taken over where that is meant', async () => {
    const first = environment.processor()
    await environment.running(first)
    const twin = await environment.command(['processor'])
    expect(twin.exit).toBe('exit code 1')
    expect(twin.output).toMatch(/in use by another process/)
    expectNoTrace(twin.output)
    await environment.stop(first)

    const copy = join(environment.folder, 'copy')
    cpSync(join(environment.folder, 'state'), join(copy, 'state'), { recursive: true })
    const copied = await environment.command(['processor'], { settings: { 'data.dir': copy } })
    expect(copied.exit).toBe('exit code 1')
    expect(copied.output).toMatch(/cop(y|ied)/)
    expectNoTrace(copied.output)

    const adopted = environment.processor({ settings: { 'data.dir': copy, 'state.adopt': 'true' } })
    await environment.running(adopted)
    await environment.stop(adopted)
  })

  test.each([
    ['for a moment: the store is restored, and the processor goes on', 'fail'],
    ['and stays full: the processor stops and says so; with room again it goes on where it was', 'full'],
  ])('the disk is full %s', async (_, action) => {
    const fromMs = Date.now()
    await environment.generator({ workload: new NewTrades({ prefix: 'T-', maturity: '2030-01-01' }), ratePerS: 0, count: 2_000 }).run()
    const processor = environment.processor({ failpoint: `disk:half-appended@20:${action}` })
    const workload = new MixedWorkload({ seed: 5, businessDate: BUSINESS_DATE, rates: { LARGE: 0, TOO_LARGE: 0, HEAVY_HEADERS: 0 } })
    const stopLoad = new AbortController()
    const load = environment.generator({ workload, ratePerS: 300 }).run(stopLoad.signal)
    await environment.until('it says so', () => environment.said.some((line) => /could not take a committed batch.*no space left on device/.test(line)))
    if (action === 'full') {
      await processor.ended
      expect(processor.exit).toBe('exit code 1')
      expect(environment.said.join('\n')).toMatch(/no space left on device/)
    }
    stopLoad.abort()
    await load
    const after = action === 'full' ? environment.processor() : processor
    await environment.processed(after)
    const toMs = Date.now()
    await environment.stop(after)
    const { differences } = await differencesFromModel(environment, { businessDate: BUSINESS_DATE, processing: { fromMs, toMs } })
    expect(differences).toBe('')
  })

  function expectNoTrace(output: string): void {
    expect(output).not.toMatch(/\n.* at .*\.ts:\d+/)
  }
})
