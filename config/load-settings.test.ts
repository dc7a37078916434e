import { expect, test } from 'vitest'
import { describeSettings, loadSettings, SettingsError } from './load-settings.ts'

function load(flags: Record<string, string>, environment: Record<string, string> = {}) {
  return loadSettings(new Map(Object.entries(flags)), environment)
}

function faultsOf(flags: Record<string, string>, environment: Record<string, string> = {}): readonly string[] {
  try {
    load(flags, environment)
  } catch (error) {
    if (error instanceof SettingsError) return error.faults
    throw error
  }
  return []
}

function shownUrl(url: string): string | undefined {
  return describeSettings(load({ 'postgres-url': url })).find(({ name }) => name === 'postgres.url')?.value
}

test('flags go before the environment, the environment before defaults', () => {
  const { values, sources } = load({ threads: '3' }, { TRADEWIND_THREADS: '2', TRADEWIND_APPLICATION_ID: 'mine' })
  expect([values.threads, values['application.id'], values['topics.partitions']]).toEqual([3, 'mine', 12])
  expect([sources.get('threads'), sources.get('application.id'), sources.get('topics.partitions')]).toEqual(['flag --threads', 'environment TRADEWIND_APPLICATION_ID', 'default'])
})

test('an unknown variable and every wrong value are faults, together', () => {
  expect(faultsOf({ threads: 'many' }, { TRADEWIND_TREADS: '2', TRADEWIND_KAFKA_BROKERS: 'nowhere' })).toEqual([
    expect.stringContaining('TRADEWIND_TREADS is not a setting'),
    expect.stringContaining('kafka.brokers (environment TRADEWIND_KAFKA_BROKERS) is "nowhere"'),
    expect.stringContaining('threads (flag --threads) is "many"'),
  ])
})

test.each(['2026-02-31', '2027-02-29', '2026-13-01', '0000-01-01', '2026-1-1', 'today'])('the business date %j is refused at start', (date) => {
  expect(faultsOf({ 'business-date': date })).toEqual([expect.stringContaining('expected a day of the calendar as YYYY-MM-DD')])
})

test('a leap day is a business date', () => {
  expect(load({ 'business-date': '2028-02-29' }).values['business.date']).toBe('2028-02-29')
})

test.each([
  ['postgres://u@h/db', 'postgres://u@h/db'],
  ['postgres://u:secret@h:5432/db', 'postgres://u:***@h:5432/db'],
  ['postgres://u:sec@ret@h/db', 'postgres://u:***@h/db'],
  ['postgres://h/db?user=u&password=secret&sslmode=require', 'postgres://h/db?user=u&password=***&sslmode=require'],
])('%s is shown as %s', (url, shown) => {
  expect(shownUrl(url)).toBe(shown)
})

test('a wrong value of a secret is not in its fault', () => {
  const faults = faultsOf({ 'postgres-url': 'postgre://u:secret@h/db', 'kafka-sasl-password': '', 'kafka-sasl-mechanism': 'SECRET-1' })
  expect(faults.join()).toContain('"postgre://u:***@h/db"')
  expect(faults.join()).not.toContain('secret')
})

test('an address that is every address of the machine cannot be told to others', () => {
  expect(faultsOf({ 'queries-listen': '0.0.0.0:7070' })).toEqual([expect.stringContaining('set queries.advertise')])
  expect(faultsOf({ 'queries-listen': '0.0.0.0:7070', 'queries-advertise': 'host-1:7070' })).toEqual([])
  expect(faultsOf({ 'sink-listen': '[::]:0' })).toEqual([expect.stringContaining('set sink.advertise')])
})

test.each(['mongodb://h/db', 'mongodb://u:p@a:27017,b:27018,c:27019/db?replicaSet=rs0&w=majority', 'mongodb://a:1,b:2', 'mongodb+srv://cluster.example.org/?retryWrites=true'])('%s is taken for MongoDB', (url) => {
  expect(faultsOf({ 'mongo-url': url })).toEqual([])
})

test.each(['mongodb:/h', 'mongodb://', 'mongodb://a,,b/db', 'postgres://h/db', 'mongodb+srv://a,b/db'])('%s is not taken for MongoDB', (url) => {
  expect(faultsOf({ 'mongo-url': url })).toEqual([expect.stringContaining('mongodb://')])
})
