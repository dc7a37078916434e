import { globSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { cacheFolder } from '../../dev/bootstrap/cache.js'
import { errorCodes } from '../../kafka/error-codes.ts'
import { enumInts } from '../support/java-enum.ts'
import { zipEntry } from '../support/zip-entry.ts'

const jar = process.env['TRADEWIND_KAFKA_CLIENTS_JAR'] ?? globSync(`${cacheFolder()}/kafka-*/jars/kafka-clients-*.jar`)[0]

test.skipIf(jar === undefined)('every error code of the broker is classed, under its name', () => {
  const ofBroker = enumInts(zipEntry(readFileSync(jar ?? ''), 'org/apache/kafka/common/protocol/Errors.class'))
  // guards the reading itself: -1 is pushed in another way than 120, and 120 than 130
  expect([ofBroker.get('UNKNOWN_SERVER_ERROR'), ofBroker.get('TRANSACTION_ABORTABLE'), ofBroker.get('STREAMS_INVALID_TOPOLOGY')]).toEqual([-1, 120, 130])
  ofBroker.delete('NONE')
  const classed = new Map([...errorCodes].map(([code, [name]]) => [name, code]))
  expect(classed).toEqual(ofBroker)
})
