import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { MixedWorkload } from '../../bench/workload/mixed-workload.ts'
import { type EmbeddedStack, startStack } from '../../dev/stack.ts'
import { brokersOfRun, TradeEnvironment } from '../support/trade-environment.ts'
import { faultsInTheEnd } from '../support/trade-records.ts'

const BUSINESS_DATE = '2026-12-11'

describe.skipIf(brokersOfRun === undefined)('three brokers, every partition on each of them', { timeout: 900_000 }, () => {
  let stack: EmbeddedStack
  let environment: TradeEnvironment

  beforeAll(async () => {
    const own = { postgres: process.env['TRADEWIND_POSTGRES_URL'], mongo: process.env['TRADEWIND_MONGO_URL'] }
    stack = await startStack({ dataDir: mkdtempSync(join(tmpdir(), 'brokers-')), brokers: 3, kafkaHeapMb: 384, own })
    environment = await TradeEnvironment.create({ brokers: stack.brokers, settings: { 'business.date': BUSINESS_DATE, 'topics.partitions': '6' } })
  }, 300_000)
  afterAll(async () => {
    await environment?.close()
    await stack?.stop()
  })

  test('one after the other is killed under load and comes back: nothing is lost, nothing is there twice', async () => {
    const fromMs = Date.now()
    const stopLoad = new AbortController()
    const workload = new MixedWorkload({ seed: 8, businessDate: BUSINESS_DATE, rates: { LARGE: 0, TOO_LARGE: 0, HEAVY_HEADERS: 0 } })
    const generator = environment.generator({ workload, ratePerS: 300, maxBytesInFlight: 50_000 })
    const load = generator.run(stopLoad.signal)
    const processor = environment.processor()
    const postgres = environment.sink('postgres')
    const mongo = environment.sink('mongo')
    await environment.running(processor)
    for (const broker of stack.services.kafka?.nodes ?? []) {
      await broker.stop('kill')
      // What is sent from now on is acknowledged by two, processed and written.
      const { acknowledged } = generator.report
      const { recordsCommitted = 0 } = processor.status ?? {}
      const { rowsWritten = 0 } = postgres.status ?? {}
      await environment.until('the load goes on', () => generator.report.acknowledged > acknowledged + 300)
      await environment.until('the processor goes on', () => (processor.status?.recordsCommitted ?? 0) > recordsCommitted + 300)
      await environment.until('the sink goes on', () => (postgres.status?.rowsWritten ?? 0) > rowsWritten + 100)
      await broker.start()
      await environment.until('every replica is in sync', allInSync)
    }
    stopLoad.abort()
    const { sent, acknowledged } = await load
    const { faults, inputs } = await faultsInTheEnd(environment, { businessDate: BUSINESS_DATE, fromMs, processor, sinks: { postgres, mongo } })
    expect(faults).toBe('')
    // Of what was under way when the load was stopped, nobody knows; what was acknowledged is there.
    expect(inputs).toBeGreaterThanOrEqual(acknowledged)
    expect(inputs).toBeLessThanOrEqual(sent)
  })

  /** Otherwise the next kill would leave a partition with one replica, which takes no writes. */
  async function allInSync(): Promise<boolean> {
    const { topics } = await environment.client.broker.metadata(undefined)
    return topics.every(({ partitions }) => partitions.every(({ inSyncReplicas }) => inSyncReplicas.length === 3))
  }
})
