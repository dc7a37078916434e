import { MongoClient } from 'mongodb'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Workload, WorkloadRecord } from '../../bench/workload/workload.ts'
import { readTopic } from '../../cli/self-check/read-topic.ts'
import { readHeaders } from '../../records/headers.ts'
import { readAudit } from '../../sinks/mongo/read-audit.ts'
import { readTrades } from '../../sinks/postgres/read-trades.ts'
import { brokersOfRun, TradeEnvironment } from '../support/trade-environment.ts'

/** A number that the rules accept, and that no numeric column takes. */
const BEYOND_NUMERIC = '"big":1e200000,'

describe.skipIf(brokersOfRun === undefined)('a record that a database refuses', { timeout: 900_000 }, () => {
  let environment: TradeEnvironment

  beforeEach(async () => {
    environment = await TradeEnvironment.create({ settings: { 'business.date': '2026-12-11', 'topics.partitions': '1' } })
  })
  afterEach(() => environment.close())

  test('goes to the dead letters, from either sink, and what is around it is written', async () => {
    const processor = environment.processor()
    const postgres = environment.sink('postgres')
    const mongo = environment.sink('mongo')
    await environment.until('the collections are there', () => mongo.status?.state === 'running')
    const client = new MongoClient(environment.databases.mongo)
    await client.db().command({ collMod: 'audit', validator: { trade_id: { $ne: 'REFUSED-BY-MONGO' } } })
    await client.close()

    const trades = ['BEFORE', 'REFUSED-BY-POSTGRES', 'BETWEEN', 'REFUSED-BY-MONGO', 'BEHIND']
    await environment.generator({ workload: new Trades(trades), ratePerS: 0, count: trades.length }).run()
    await environment.processed(processor)
    await environment.written('postgres', postgres)
    await environment.written('mongo', mongo)
    await environment.stop(processor, postgres, mongo)

    const rows: string[] = []
    await readTrades(environment.databases.postgres, (row) => rows.push(row.trade_id))
    expect(rows.sort()).toEqual(trades.filter((id) => id !== 'REFUSED-BY-POSTGRES').sort())
    const documents: unknown[] = []
    await readAudit(environment.databases.mongo, (document) => documents.push(document['trade_id']))
    expect(documents.sort()).toEqual(trades.filter((id) => id !== 'REFUSED-BY-MONGO').sort())
    const letters: string[] = []
    await readTopic(environment.client, environment.topics.deadLetter, (record) => {
      const origin = readHeaders(record.headers).find(({ key }) => key === '__connect.errors.topic')?.value
      letters.push(`${record.key} of ${origin}`)
    })
    expect(letters.sort()).toEqual([`REFUSED-BY-MONGO of ${environment.topics.audit}`, `REFUSED-BY-POSTGRES of ${environment.topics.processed}`])
  })
})

class Trades implements Workload {
  readonly #ids: Iterator<string>

  constructor(ids: readonly string[]) {
    this.#ids = ids.values()
  }

  next(into: WorkloadRecord): void {
    const id: string = this.#ids.next().value
    const key = Buffer.from(id)
    const extra = id === 'REFUSED-BY-POSTGRES' ? BEYOND_NUMERIC : ''
    const value = Buffer.from(`{${extra}"trade_id":"${id}","version":1,"counterparty_id":"CP-1","book_id":"B1","maturity_date":"2030-01-01","created_date":"2026-12-11"}`)
    into.key.set(key, 0, key.length)
    into.placement.set(key, 0, key.length)
    into.value.set(value, 0, value.length)
    into.hasKey = true
    into.hasValue = true
  }
}
