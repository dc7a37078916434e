import { MongoBulkWriteError, MongoNetworkError, MongoServerError } from 'mongodb'
import { expect, test } from 'vitest'
import { classifyMongoError, earlyEnd } from './classify-error.ts'

// The driver keeps the constructors to itself; it makes these errors exactly so.
function bulkError(error: unknown): MongoBulkWriteError {
  return Reflect.construct(MongoBulkWriteError, [error, {}]) as MongoBulkWriteError
}

test('a connection that is cut in the middle of a bulk write is retriable, though the driver wraps it as an error of the server', () => {
  const error = bulkError(new MongoNetworkError('connect ECONNREFUSED'))
  expect(earlyEnd(error)).toBeInstanceOf(MongoNetworkError)
  expect(classifyMongoError(error, 'adding documents')).toMatchObject({ scope: 'retriable', message: 'MongoDB, adding documents: connect ECONNREFUSED' })
})

test('a connection that breaks under a large write is retriable: the driver passes on what the system says', () => {
  const broken = Object.assign(new Error('write EPIPE'), { code: 'EPIPE', syscall: 'write' })
  expect(classifyMongoError(broken, 'adding documents')).toMatchObject({ scope: 'retriable' })
  expect(classifyMongoError(bulkError(broken), 'adding documents')).toMatchObject({ scope: 'retriable', message: 'MongoDB, adding documents: write EPIPE' })
})

test.each([
  [11600, 'retriable'],
  [13, 'fatal'],
])('a command that the server refuses as a whole (%i) is %s, and never taken for written', (code, scope) => {
  const error = bulkError(new MongoServerError({ message: 'refused', code }))
  expect(earlyEnd(error)).toBeDefined()
  expect(classifyMongoError(error, 'adding documents')).toMatchObject({ scope })
})

test('what the server says of single documents is no early end', () => {
  expect(earlyEnd(bulkError({ message: 'duplicate', code: 11000, writeErrors: [{ code: 11000 }] }))).toBeUndefined()
})
