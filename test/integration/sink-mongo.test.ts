import { randomUUID } from 'node:crypto'
import { type Db, MongoClient } from 'mongodb'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { AUDIT, EXPIRY_EVENTS, TRADE_HISTORY } from '../../sinks/mongo/documents.ts'
import { MongoDatabase } from '../../sinks/mongo/mongo-database.ts'
import type { SinkRecord } from '../../sinks/sink-record.ts'
import { testSinkDatabase } from '../../sinks/testing/sink-database-contract.ts'
import { recordOf, sourceOf, tradeOf, tradeValue } from '../../sinks/testing/sink-records.ts'

const mongoUrl = process.env['TRADEWIND_MONGO_URL']
const MAPPINGS = new Map([
  ['trade.audit', AUDIT],
  ['trade.processed', TRADE_HISTORY],
  ['trade.expired', EXPIRY_EVENTS],
])

describe.skipIf(mongoUrl === undefined)('MongoDB', () => {
  let client: MongoClient
  beforeAll(async () => {
    client = await MongoClient.connect(mongoUrl ?? '', { directConnection: true })
  })
  afterAll(() => client.close())

  function scratch(): { db: Db; url: string } {
    const name = `test_${randomUUID().slice(0, 8)}`
    const url = new URL(mongoUrl ?? '')
    url.pathname = `/${name}`
    url.searchParams.set('directConnection', 'true')
    return { db: client.db(name), url: url.href }
  }

  testSinkDatabase('MongoDB', async () => {
    const { db, url } = scratch()
    return {
      client: (groupId) => new MongoDatabase({ url, groupId, mappings: MAPPINGS }),
      states: async () => {
        const documents = await db.collection('trade_history').find().sort({ 'source.generation': 1, 'source.offset': 1 }).toArray()
        const last = new Map(documents.map((document) => [document['trade_id'], document]))
        return [...last.values()]
          .map(({ trade_id: tradeId, version, deleted, source }) => ({ tradeId, version: deleted ? undefined : version, offset: source.offset, generation: source.generation }))
          .sort((a, b) => (a.tradeId < b.tradeId ? -1 : 1))
      },
      destroy: async () => {
        await db.dropDatabase()
      },
    }
  })

  describe('the documents', () => {
    let db: Db
    let url: string
    let sink: MongoDatabase

    beforeEach(async () => {
      ;({ db, url } = scratch())
      sink = new MongoDatabase({ url, groupId: 'group-1', mappings: MAPPINGS })
      await sink.open()
    })
    afterEach(async () => {
      await sink.close()
      await db.dropDatabase()
    })

    async function put(record: SinkRecord) {
      const [claim] = await sink.claim([record.source])
      if (claim === undefined) throw new Error('no claim')
      return sink.write([{ claim, fromOffset: claim.nextOffset, toOffset: record.offset + 1, records: [record] }])
    }

    test('an audit entry is kept as it is, its timestamp as a date', async () => {
      const source = sourceOf(3, { topic: 'trade.audit', topicId: 'audit-id' })
      const entry = { trade_id: 'T1', version: 1, action: 'CREATE', status: 'success', source: { topic: 'trade.ingested', partition: 3, offset: 42 }, timestamp: '2099-12-11T10:00:00.123Z', details: {} }
      await put(recordOf(source, 42, 'T1', JSON.stringify(entry)))
      expect(await db.collection('audit').findOne()).toEqual({ ...entry, _id: 'audit-id#3#42', timestamp: new Date('2099-12-11T10:00:00.123Z') })
    })

    test('each state of a trade is a document, and so is its delete', async () => {
      const source = sourceOf(0)
      await put(tradeOf(source, 0, 'T1', 1, { note: 'x', _id: 7, deleted: 'no' }))
      await put(recordOf(source, 1, 'T1', undefined, 1_791_000_000_000))
      const [state, deleted] = await db.collection('trade_history').find().sort({ 'source.offset': 1 }).toArray()
      expect(state).toMatchObject({ trade_id: 'T1', version: 1, deleted: false, maturity_date: '2027-05-20', attributes: { note: 'x', _id: 7, deleted: 'no' } })
      expect(state?.['last_updated']).toEqual(new Date('2026-12-11T10:00:00.000Z'))
      expect(deleted).toMatchObject({ trade_id: 'T1', deleted: true, timestamp: new Date(1_791_000_000_000) })
    })

    test('numbers keep their digits, and names that mean something to the driver are names', async () => {
      const value = tradeValue('T1', 1).replace('{', '{"id":9007199254740993,"price":0.12345678901234567890123,"huge":1e99999,"_bsontype":"ObjectId","rate":1.5,')
      await put(recordOf(sourceOf(0), 0, 'T1', value))
      const found = await db.collection('trade_history').findOne({}, { promoteLongs: false })
      const { id, price, ...rest } = found?.['attributes'] ?? {}
      expect([String(id), String(price)]).toEqual(['9007199254740993', '0.12345678901234567890123'])
      expect(rest).toMatchObject({ huge: '1e99999', _bsontype: 'ObjectId' })
    })

    test('an expiry is an event', async () => {
      const source = sourceOf(0, { topic: 'trade.expired', topicId: 'expired-id' })
      await put(recordOf(source, 5, 'T1', tradeValue('T1', 1, { expired: true, expired_at: '2026-12-12T00:00:00.000Z' })))
      await sink.recordEvent({ eventType: 'SINK_STARTED', severity: 'info', data: { group: 'g' }, timestampMs: 1_791_000_000_000 })
      expect(await db.collection('trade_events').find().sort({ timestamp: -1 }).toArray()).toMatchObject([
        { _id: 'expired-id#0#5', event_type: 'TRADE_EXPIRED', severity: 'info', trade_id: 'T1', data: { expired: true }, timestamp: new Date('2026-12-12T00:00:00.000Z') },
        { event_type: 'SINK_STARTED', data: { group: 'g' } },
      ])
    })

    test('a rule of the collection that refuses a document names its record', async () => {
      await db.command({ collMod: 'trade_history', validator: { version: { $lt: 10 } } })
      await expect(put(tradeOf(sourceOf(0), 0, 'T1', 11))).rejects.toMatchObject({ scope: 'poison', records: [{ record: { offset: 0 } }] })
    })

    test('retention follows the setting, also where the index is there already', async () => {
      const again = new MongoDatabase({ url, groupId: 'group-1', mappings: MAPPINGS, retentionDays: 7 })
      await again.open()
      await again.close()
      const indexes = await db.collection('audit').indexes()
      expect(indexes.find(({ expireAfterSeconds }) => expireAfterSeconds !== undefined)).toMatchObject({ key: { timestamp: 1 }, expireAfterSeconds: 7 * 86_400 })
      expect(indexes.map(({ key }) => key)).toContainEqual({ trade_id: 1, timestamp: 1 })
    })

    test('a cut connection is retriable or retried, and the documents are there once', async () => {
      // of this collection only: the server is also that of tests that run beside this one
      await db.admin().command({ configureFailPoint: 'failCommand', mode: { times: 2 }, data: { failCommands: ['insert'], namespace: `${db.databaseName}.trade_history`, closeConnection: true } })
      await expect(put(tradeOf(sourceOf(0), 0, 'T1', 1))).rejects.toMatchObject({ scope: 'retriable' })
      await put(tradeOf(sourceOf(0), 0, 'T1', 1))
      expect(await db.collection('trade_history').countDocuments()).toBe(1)
    })

    test('a server that is not there is retriable', async () => {
      const away = new MongoDatabase({ url: 'mongodb://127.0.0.1:9/', groupId: 'g', mappings: MAPPINGS, serverSelectionTimeoutMs: 50 })
      await expect(away.open()).rejects.toMatchObject({ scope: 'retriable' })
      await away.close()
    })
  })
})
