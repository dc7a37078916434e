import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { MixedWorkload } from '../../bench/workload/mixed-workload.ts'
import type { Role } from '../../cli/demo/role.ts'
import type { SinkStatus } from '../../cli/sink-status.ts'
import { type EmbeddedStack, startStack } from '../../dev/stack.ts'
import type { Service } from '../../dev/stack/service.ts'
import { brokersOfRun, TradeEnvironment } from '../support/trade-environment.ts'
import { faultsInTheEnd } from '../support/trade-records.ts'

const BUSINESS_DATE = '2026-12-11'

describe.skipIf(brokersOfRun === undefined)('databases that are killed under load', { timeout: 900_000 }, () => {
  let stack: EmbeddedStack
  let environment: TradeEnvironment

  beforeAll(async () => {
    stack = await startStack({ dataDir: mkdtempSync(join(tmpdir(), 'databases-')), own: { brokers: brokersOfRun } })
    environment = await TradeEnvironment.create({ databases: stack, settings: { 'business.date': BUSINESS_DATE, 'topics.partitions': '4' } })
  })
  afterAll(async () => {
    await environment?.close()
    await stack?.stop()
  })

  test('come back, and hold what the topics hold; meanwhile the sinks wait and say so', async () => {
    const fromMs = Date.now()
    const stopLoad = new AbortController()
    const workload = new MixedWorkload({ seed: 3, businessDate: BUSINESS_DATE, rates: { LARGE: 0, TOO_LARGE: 0, HEAVY_HEADERS: 0 } })
    const load = environment.generator({ workload, ratePerS: 500 }).run(stopLoad.signal)
    const processor = environment.processor()
    const sinks = { postgres: environment.sink('postgres'), mongo: environment.sink('mongo') }
    await Promise.all([outage(sinks.postgres, stack.services.postgres, 'kill'), outage(sinks.mongo, stack.services.mongo, 'kill')])
    await Promise.all([outage(sinks.postgres, stack.services.postgres, 'term'), outage(sinks.mongo, stack.services.mongo, 'term')])
    stopLoad.abort()
    const { sent } = await load
    const { faults, inputs } = await faultsInTheEnd(environment, { businessDate: BUSINESS_DATE, fromMs, processor, sinks })
    expect(faults).toBe('')
    expect(inputs).toBe(sent)
  })

  /** Away while it is written to, until the sink shows that it has noticed; then back, until rows are written again. */
  async function outage(sink: Role<SinkStatus>, service: Service | undefined, how: 'kill' | 'term'): Promise<void> {
    const rows = sink.status?.rowsWritten ?? 0
    await environment.until(`${sink.name} writes`, () => (sink.status?.rowsWritten ?? 0) > rows)
    await service?.stop(how)
    await environment.until(`${sink.name} pauses`, () => sink.status?.state === 'paused' && sink.status.lag > 0)
    const before = sink.status?.rowsWritten ?? 0
    await service?.start()
    await environment.until(`${sink.name} goes on by itself`, () => (sink.status?.rowsWritten ?? 0) > before)
  }
})
