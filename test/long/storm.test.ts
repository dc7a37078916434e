import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { MixedWorkload } from '../../bench/workload/mixed-workload.ts'
import { Mulberry32 } from '../../bench/workload/workload.ts'
import type { Role } from '../../cli/demo/role.ts'
import { type EmbeddedStack, startStack } from '../../dev/stack.ts'
import { brokersOfRun, TradeEnvironment } from '../support/trade-environment.ts'
import { differencesFromModel } from '../support/trade-records.ts'

const BUSINESS_DATE = '2026-12-11'
const ROUNDS = 60
const RATE_PER_S = 200
const SEED = 1

/** Everything dies, in an order that a seed draws: brokers, databases, processors, sinks, often more than one of them at a time. */
describe.skipIf(brokersOfRun === undefined)('a storm', { timeout: 3_000_000 }, () => {
  const chance = new Mulberry32(SEED)
  let stack: EmbeddedStack
  let environment: TradeEnvironment

  beforeAll(async () => {
    stack = await startStack({ dataDir: mkdtempSync(join(tmpdir(), 'storm-')), brokers: 3, kafkaHeapMb: 384 })
    environment = await TradeEnvironment.create({ brokers: stack.brokers, databases: stack, settings: { 'business.date': BUSINESS_DATE, 'topics.partitions': '6', 'sink.instanceId': 'one' } })
  }, 300_000)
  afterAll(async () => {
    await environment?.close()
    await stack?.stop()
  })

  test(`of ${ROUNDS} deaths leaves the topics as the rules say, and the databases as the topics`, async () => {
    const fromMs = Date.now()
    const stopLoad = new AbortController()
    const generator = environment.generator({ workload: new MixedWorkload({ seed: SEED, businessDate: BUSINESS_DATE, rates: { LARGE: 0, TOO_LARGE: 0, HEAVY_HEADERS: 0 } }), ratePerS: RATE_PER_S, maxBytesInFlight: 50_000 })
    const load = generator.run(stopLoad.signal)
    const roles: Record<string, () => Role<unknown>> = {
      first: () => environment.processor({ settings: { 'data.dir': join(environment.folder, 'first') } }),
      second: () => environment.processor({ settings: { 'data.dir': join(environment.folder, 'second') } }),
      postgres: () => environment.sink('postgres'),
      mongo: () => environment.sink('mongo'),
    }
    const running = new Map(Object.entries(roles).map(([name, start]) => [name, start()]))
    const services = [...(stack.services.kafka?.nodes ?? []), stack.services.postgres, stack.services.mongo].filter((service) => service !== undefined)
    for (let round = 0; round < ROUNDS; round++) {
      const enough = generator.report.sent + Math.floor(chance.next() * RATE_PER_S * 3)
      await environment.until(`round ${round}: some time passes`, () => noneDied(running) && generator.report.sent >= enough)
      const draw = chance.next()
      const service = draw < 0.25 ? services[Math.floor(chance.next() * services.length)] : undefined
      await service?.stop(chance.next() < 0.5 ? 'kill' : 'term')
      const names = Object.keys(roles)
      const name = names[Math.floor(chance.next() * names.length)] ?? ''
      running.get(name)?.kill()
      await running.get(name)?.ended
      running.set(name, roles[name]?.() ?? fail(name))
      await service?.start()
      await environment.until(`round ${round}: every replica is in sync`, allInSync)
    }
    stopLoad.abort()
    const { sent, acknowledged } = await load
    const [first, second, postgres, mongo] = ['first', 'second', 'postgres', 'mongo'].map((name) => running.get(name) ?? fail(name))
    if (first === undefined || second === undefined || postgres === undefined || mongo === undefined) throw new Error('a role is missing')
    await environment.processed(first)
    const toMs = Date.now()
    await environment.stop(first, second)
    await environment.written('postgres', postgres)
    await environment.written('mongo', mongo)
    await environment.stop(postgres, mongo)
    const { differences, inputs } = await differencesFromModel(environment, { businessDate: BUSINESS_DATE, processing: { fromMs, toMs } })
    expect(differences).toBe('')
    // Of what was under way when the load was stopped, nobody knows; what was acknowledged is there.
    expect(inputs).toBeGreaterThanOrEqual(acknowledged)
    expect(inputs).toBeLessThanOrEqual(sent)
  })

  /** Whatever else dies: a role ends only where it is killed. */
  function noneDied(running: ReadonlyMap<string, Role<unknown>>): true {
    for (const [name, { exit }] of running) if (exit !== undefined) throw new Error(`${name} has ended by itself (${exit}): ${environment.said.slice(-30).join('\n')}`)
    return true
  }

  async function allInSync(): Promise<boolean> {
    const { topics } = await environment.client.broker.metadata(undefined)
    return topics.every(({ partitions }) => partitions.every(({ inSyncReplicas }) => inSyncReplicas.length === 3))
  }

  function fail(name: string): never {
    throw new Error(`no role is called ${name}`)
  }
})
