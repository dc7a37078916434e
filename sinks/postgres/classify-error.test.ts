import { expect, test } from 'vitest'
import { classifyPostgresError } from './classify-error.ts'

const coded = (code: string) => Object.assign(new Error('it failed'), { code })

test.each([
  ['57P01', 'retriable'],
  ['57P03', 'retriable'],
  ['57014', 'retriable'],
  ['40001', 'retriable'],
  ['40P01', 'retriable'],
  ['53300', 'retriable'],
  ['55P03', 'retriable'],
  ['08006', 'retriable'],
  ['25006', 'retriable'],
  ['ECONNRESET', 'retriable'],
  ['ECONNREFUSED', 'retriable'],
  ['22021', 'poison'],
  ['22P05', 'poison'],
  ['22001', 'poison'],
  ['23514', 'poison'],
  ['54001', 'poison'],
  ['42501', 'fatal'],
  ['42P01', 'fatal'],
  ['28P01', 'fatal'],
  ['3D000', 'fatal'],
  ['XX001', 'fatal'],
])('%s is %s', (code, scope) => {
  expect(classifyPostgresError(coded(code), 'writing')).toMatchObject({ scope, message: expect.stringContaining(`PostgreSQL, writing: it failed (${code})`) })
})

test.each(['Connection terminated unexpectedly', 'Query read timeout', 'timeout exceeded when trying to connect'])('"%s", which has no code, is retriable', (message) => {
  expect(classifyPostgresError(new Error(message), 'writing').scope).toBe('retriable')
})

test('an error of our own making is fatal: repeating a bug helps nobody', () => {
  expect(classifyPostgresError(new TypeError('x is undefined'), 'writing').scope).toBe('fatal')
})

test.each(['28P01', '28000', '3D000', '42501'])('%s is fatal, and the message names the setting', (code) => {
  expect(classifyPostgresError(coded(code), 'connecting')).toMatchObject({
    scope: 'fatal',
    message: `PostgreSQL, connecting: it failed (${code}). Check user, password and database of postgres.url, and what the user may do`,
  })
})
