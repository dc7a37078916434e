import { crc32 } from 'node:zlib'
import { Kafka, logLevel, Partitioners } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readTopic } from '../../cli/self-check/read-topic.ts'
import type { Role } from '../../cli/demo/role.ts'
import type { ProcessorStatus } from '../../cli/processor-status.ts'
import { readHeaders } from '../../records/headers.ts'
import { murmur2, partitionOf } from '../../records/murmur2.ts'
import { produceWithLibrdkafka } from '../support/librdkafka.ts'
import { brokersOfRun, TradeEnvironment } from '../support/trade-environment.ts'

const BUSINESS_DATE = '2026-12-11'
const TRADE = { version: 1, counterparty_id: 'CP-1', book_id: 'B1', maturity_date: '2027-05-20', created_date: '2026-12-11' }

interface Sent {
  readonly key: string | Buffer | null
  readonly value: string | Buffer | null
  readonly headers?: Record<string, string>
}

/** What came of the records of one key. */
interface Result {
  readonly outcomes: string[]
  readonly reasons: (string | null)[]
  /** Versions on trade.processed, with `!` where the trade is expired; `deleted`: a null value. */
  readonly processed: string[]
  readonly repaired: number
  /** Raw values of the dead letters; `null` as it is. */
  readonly deadLetters: (Buffer | null)[]
}

/**
 * Each rule once, on the real components: foreign producers (kafkajs, librdkafka) send, committed records are read. All stories run in one go; each has keys of its own.
 */
describe.skipIf(brokersOfRun === undefined)('the rules, from a foreign producer to the topics', { timeout: 900_000 }, () => {
  const kafka = new Kafka({ brokers: (brokersOfRun ?? '').split(','), clientId: 'foreign', logLevel: logLevel.NOTHING })
  let environment: TradeEnvironment
  let processor: Role<ProcessorStatus>
  const results = new Map<string, Result>()

  beforeAll(async () => {
    environment = await TradeEnvironment.create({ settings: { 'business.date': BUSINESS_DATE } })
    processor = environment.processor()
    const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner, idempotent: true, maxInFlightRequests: 1 })
    await producer.connect()
    for (const { key, value, headers } of Object.values(STORIES).flat()) {
      await producer.send({ topic: environment.topics.ingested, acks: -1, messages: [{ key, value, ...(headers && { headers }) }] })
    }
    await producer.disconnect()
    const target = { brokers: brokersOfRun ?? '', topic: environment.topics.ingested }
    await produceWithLibrdkafka({ ...target, settings: { partitioner: 'murmur2_random' }, records: FOREIGN_KEYS.map((key) => trade(`rdk-${key}`)) })
    await produceWithLibrdkafka({ ...target, settings: {}, records: FOREIGN_KEYS.map((key) => trade(`crc-${key}`)) })
    await abortForeignTransaction()
    await environment.processed(processor)
    await collect()
    await environment.stop(processor)
  })
  afterAll(() => environment.close())

  /** An aborted transaction in the input: a trade that must never have been. */
  async function abortForeignTransaction(): Promise<void> {
    const producer = kafka.producer({ transactionalId: `${environment.applicationId}-foreign`, idempotent: true, maxInFlightRequests: 1, createPartitioner: Partitioners.DefaultPartitioner })
    await producer.connect()
    const transaction = await producer.transaction()
    await transaction.send({ topic: environment.topics.ingested, messages: [trade('ABORTED')] })
    await transaction.abort()
    const second = await producer.transaction()
    await second.send({ topic: environment.topics.ingested, messages: [trade('COMMITTED')] })
    await second.commit()
    await producer.disconnect()
  }

  async function collect(): Promise<void> {
    const { audit, processed, repaired, deadLetter } = environment.topics
    const of = (key: string): Result => {
      const known = results.get(key) ?? { outcomes: [], reasons: [], processed: [], repaired: 0, deadLetters: [] }
      results.set(key, known)
      return known
    }
    const keyOf = (record: { hasKey: boolean; key: { copy(): Buffer } }) => (record.hasKey ? record.key.copy().toString('latin1') : 'null')
    await readTopic(environment.client, audit, (record) => {
      const { outcome, reason } = JSON.parse(record.value.toString())
      of(keyOf(record)).outcomes.push(outcome)
      of(keyOf(record)).reasons.push(reason)
    })
    await readTopic(environment.client, processed, (record) => {
      const state = record.hasValue ? JSON.parse(record.value.toString()) : undefined
      of(keyOf(record)).processed.push(state === undefined ? 'deleted' : `${state.version}${state.expired ? '!' : ''}`)
    })
    await readTopic(environment.client, repaired, (record) => {
      const known = of(keyOf(record))
      results.set(keyOf(record), { ...known, repaired: known.repaired + 1 })
    })
    await readTopic(environment.client, deadLetter, (record) => {
      expect(readHeaders(record.headers).map(({ key }) => key)).toContain('__streams.errors.exception')
      of(keyOf(record)).deadLetters.push(record.hasValue ? record.value.copy() : null)
    })
  }

  function resultOf(key: string): Result | undefined {
    return results.get(key)
  }

  test('version: created, updated, replaced, duplicate, stale', () => {
    expect(resultOf('VERSION')).toMatchObject({ outcomes: ['CREATED', 'UPDATED', 'REPLACED', 'DUPLICATE', 'STALE_VERSION'], processed: ['1', '3', '3'] })
    expect(resultOf('VERSION')?.reasons.at(-1)).toMatch(/2.*3/)
  })

  test('maturity: refused where it has passed, accepted today', () => {
    expect(resultOf('MATURITY')).toMatchObject({ outcomes: ['PAST_MATURITY', 'CREATED'], processed: ['1'] })
  })

  test('delete: remembered, and only a higher version comes back', () => {
    expect(resultOf('DELETE')).toMatchObject({ outcomes: ['CREATED', 'DELETED', 'NOT_FOUND', 'STALE_VERSION', 'CREATED'], processed: ['2', 'deleted', '3'] })
  })

  test('repair: the accepted record after a refusal closes the case, once', () => {
    expect(resultOf('REPAIR')).toMatchObject({ outcomes: ['INVALID', 'PAST_MATURITY', 'CREATED', 'UPDATED'], repaired: 1 })
  })

  test('requests: the second record with an id is not processed, another value under it is refused', () => {
    expect(resultOf('REQUEST')).toMatchObject({ outcomes: ['CREATED', 'DUPLICATE', 'INVALID'], processed: ['1'], repaired: 0 })
  })

  test('a null value of an unknown trade, an empty value, JSON null: not found, and invalid twice', () => {
    expect(resultOf('NOTHING')).toMatchObject({ outcomes: ['NOT_FOUND', 'INVALID', 'INVALID'], processed: [], deadLetters: [Buffer.alloc(0), Buffer.from('null')] })
  })

  test('a value that is not UTF-8 goes to the dead letters as it came', () => {
    expect(resultOf('BINARY')).toMatchObject({ outcomes: ['INVALID'], deadLetters: [BINARY] })
  })

  test('a value of nearly 1 MB is a trade like any other', () => {
    expect(resultOf('LARGE')).toMatchObject({ outcomes: ['CREATED'], processed: ['1'] })
  })

  test('a record without a key is audited, and dead-lettered', () => {
    expect(resultOf('null')).toMatchObject({ outcomes: ['INVALID'], deadLetters: [Buffer.from('{}')] })
  })

  test.each([
    ['kafkajs', ''],
    ['librdkafka with partitioner=murmur2_random', 'rdk-'],
  ])('keys of any length and script land where ours do: %s', (_, prefix) => {
    for (const key of FOREIGN_KEYS) expect(resultOf(`${prefix}${Buffer.from(key).toString('latin1')}`), key).toMatchObject({ outcomes: ['CREATED'] })
  })

  test('librdkafka with its own partitioner (CRC-32): what lands elsewhere is refused, and the reason names the partitioner', () => {
    const partitions = environment.settings['topics.partitions']
    const outcomes = FOREIGN_KEYS.map((text) => {
      const key = Buffer.from(`crc-${text}`)
      const result = resultOf(key.toString('latin1'))
      const here = crc32(key) % partitions === partitionOf(murmur2(key, 0, key.length), partitions)
      expect(result, text).toMatchObject(here ? { outcomes: ['CREATED'] } : { outcomes: ['INVALID'], reasons: [expect.stringContaining('partitioner')], repaired: 0 })
      return here
    })
    expect(new Set(outcomes)).toEqual(new Set([true, false]))
  })

  test('what a foreign transaction aborted is not seen, what it committed is', () => {
    expect(resultOf('ABORTED')).toBeUndefined()
    expect(resultOf('COMMITTED')).toMatchObject({ outcomes: ['CREATED'] })
  })
})

const BINARY = Buffer.from([0x7b, 0xff, 0xfe, 0x00, 0x7d])
// Lengths modulo 4 are the branches of murmur2; beyond ASCII, bytes are what counts. With a prefix of 4 they are 50 characters at most.
const FOREIGN_KEYS = ['a', 'ab', 'abc', 'abcd', 'abcde', 'Zürich', '🚢🚢🚢', 'x'.repeat(46), ...Array.from({ length: 50 }, (_, n) => `FOREIGN-${n}`)]

function trade(tradeId: string, fields: Record<string, unknown> = {}, headers?: Record<string, string>): { key: string; value: string; headers?: Record<string, string> } {
  return { key: tradeId, value: JSON.stringify({ trade_id: tradeId, ...TRADE, ...fields }), ...(headers && { headers }) }
}

const STORIES: Record<string, Sent[]> = {
  version: [trade('VERSION'), trade('VERSION', { version: 3 }), trade('VERSION', { version: 3, book_id: 'B2' }), trade('VERSION', { version: 3, book_id: 'B2' }), trade('VERSION', { version: 2 })],
  maturity: [trade('MATURITY', { maturity_date: '2026-12-10' }), trade('MATURITY', { maturity_date: BUSINESS_DATE })],
  delete: [trade('DELETE', { version: 2 }), { key: 'DELETE', value: null }, { key: 'DELETE', value: null }, trade('DELETE', { version: 2 }), trade('DELETE', { version: 3 })],
  repair: [{ key: 'REPAIR', value: '{' }, trade('REPAIR', { maturity_date: '2020-01-01' }), trade('REPAIR'), trade('REPAIR', { version: 2 })],
  request: [trade('REQUEST', {}, { 'request-id': 'r-1' }), trade('REQUEST', {}, { 'request-id': 'r-1' }), trade('REQUEST', { version: 9 }, { 'request-id': 'r-1' })],
  nothing: [{ key: 'NOTHING', value: null }, { key: 'NOTHING', value: '' }, { key: 'NOTHING', value: 'null' }],
  binary: [{ key: 'BINARY', value: BINARY }],
  large: [trade('LARGE', { blob: 'x'.repeat(1_000_000) })],
  noKey: [{ key: null, value: '{}' }],
  foreign: FOREIGN_KEYS.map((key) => trade(key)),
}
