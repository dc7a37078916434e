import { expect, test } from 'vitest'
import { VirtualClock } from '../test/support/virtual-clock.ts'
import { BatchWriter } from './batch-writer.ts'
import { CircuitBreaker } from './circuit-breaker.ts'
import type { DeadLetter } from './dead-letters.ts'
import { type PartitionWrite, SinkFatalError, SinkPoisonError, SinkRetriableError } from './sink-database.ts'
import type { SinkRecord } from './sink-record.ts'
import { MemoryDatabase, type MemoryFault, MemoryStorage } from './testing/memory-database.ts'
import { recordOf, sourceOf } from './testing/sink-records.ts'

const random = { next: () => 0, uuid: () => '' }

/** A writer over a database in memory; `log` is what happened, in order. */
async function setUp(options: { fault?: MemoryFault; partitions?: number } = {}) {
  const clock = new VirtualClock()
  const storage = new MemoryStorage()
  const database = new MemoryDatabase({ storage, groupId: 'g', ...(options.fault === undefined ? {} : { fault: options.fault }) })
  const claims = await database.claim(Array.from({ length: options.partitions ?? 1 }, (_, partition) => sourceOf(partition)))
  const log: string[] = []
  const disowned = new Set<PartitionWrite['claim']>()
  const stop = new AbortController()
  const writer = new BatchWriter({
    clock,
    database,
    breaker: new CircuitBreaker({ clock, random, threshold: 2 }),
    deadLetters: {
      write: async (letters: readonly DeadLetter[]) => {
        log.push(`letters ${letters.map(({ record }) => record.offset).join()}`)
        return true
      },
    },
    failpoint: (name) => void log.push(name),
    listener: {
      owns: ({ claim }) => !disowned.has(claim),
      applied: ({ claim, toOffset }) => log.push(`applied ${claim.source.partition}:${toOffset}`),
      fenced: ({ claim }) => log.push(`fenced ${claim.source.partition}`),
      wrote: () => {},
      retried: ({ message }) => log.push(`retried ${message}`),
      deadLettered: () => {},
    },
    signal: stop.signal,
  })
  const batchOf = (...values: string[][]): PartitionWrite[] =>
    values.map((texts, partition) => {
      const [claim] = claims.slice(partition)
      if (claim === undefined) throw new Error('no claim')
      const records = texts.map((value, offset): SinkRecord => recordOf(claim.source, offset, `K${partition}-${offset}`, value))
      return { claim, fromOffset: 0, toOffset: texts.length, records }
    })
  return { clock, storage, database, claims, log, disowned, stop, writer, batchOf, events: () => log.filter((entry) => !entry.startsWith('sink-')) }
}

test('what fails in passing is repeated, until it is applied', async () => {
  let failures = 3
  const { clock, writer, batchOf, events, storage } = await setUp({
    fault: () => {
      if (failures-- > 0) throw new SinkRetriableError('away')
    },
  })
  const written = writer.write(batchOf(['1', '2']))
  await clock.advance(10_000)
  await written
  expect(events()).toEqual(['retried away', 'retried away', 'retried away', 'applied 0:2'])
  expect(storage.rows.size).toBe(2)
})

test('an answer that is lost after the write counts as applied when it is repeated', async () => {
  let lost = false
  const { clock, writer, batchOf, events, storage } = await setUp({
    fault: (at) => {
      if (at === 'before' || lost) return
      lost = true
      throw new SinkRetriableError('no answer')
    },
  })
  const written = writer.write(batchOf(['1']))
  await clock.advance(1_000)
  await written
  expect(events()).toEqual(['retried no answer', 'applied 0:1'])
  expect(storage.progress.get('g trade.processed-0')?.nextOffset).toBe(1)
})

test('records that the database names go to the dead letters before the progress moves past them', async () => {
  const { writer, batchOf, log, storage } = await setUp({ partitions: 2 })
  await writer.write(batchOf(['1', 'bad', '3'], ['bad']))
  expect(log).toEqual(['sink-before-write', 'sink-before-dead-letter', 'letters 1,0', 'sink-dead-letter-before-progress', 'sink-before-write', 'sink-after-write', 'applied 0:3', 'applied 1:1'])
  expect([...storage.rows.keys()]).toEqual(['K0-0', 'K0-2'])
})

test('a record that the database does not name is found by halving', async () => {
  const { writer, batchOf, events, storage } = await setUp({
    partitions: 3,
    fault: (at, batch) => {
      if (at === 'before' && batch.some(({ records }) => records.some((record) => record.valueText() === '666'))) throw new SinkPoisonError('refused', [])
    },
  })
  await writer.write(batchOf(['1', '2'], ['1', '2', '3', '666', '5'], ['1']))
  expect(events()).toEqual(['applied 0:2', 'applied 1:2', 'applied 1:3', 'letters 3', 'applied 1:4', 'applied 1:5', 'applied 2:1'])
  expect(storage.rows.size).toBe(7)
  expect([...storage.rows.values()].map(({ value }) => value)).not.toContain('666')
})

test('a database that refuses a write without any record is a fatal error, not an endless search', async () => {
  const { writer, batchOf } = await setUp({
    fault: () => {
      throw new SinkPoisonError('refuses all', [])
    },
  })
  await expect(writer.write(batchOf([]))).rejects.toBeInstanceOf(SinkFatalError)
})

test('a fenced partition is told, the others go on', async () => {
  const { writer, batchOf, events, database } = await setUp({ partitions: 2 })
  await database.claim([sourceOf(0)])
  await writer.write(batchOf(['1'], ['1']))
  expect(events()).toEqual(['fenced 0', 'applied 1:1'])
})

test('a partition that was given up is left out of the next attempt', async () => {
  let failed = false
  const { clock, writer, batchOf, events, claims, disowned } = await setUp({
    partitions: 2,
    fault: () => {
      if (failed) return
      failed = true
      throw new SinkRetriableError('away')
    },
  })
  const written = writer.write(batchOf(['1'], ['1']))
  await clock.settle()
  const [given] = claims
  if (given !== undefined) disowned.add(given)
  await clock.advance(1_000)
  await written
  expect(events()).toEqual(['retried away', 'applied 1:1'])
})

test('a fatal error stops it, an abort ends the repetition', async () => {
  const fatal = await setUp({
    fault: () => {
      throw new SinkFatalError('no permission')
    },
  })
  await expect(fatal.writer.write(fatal.batchOf(['1']))).rejects.toThrow('no permission')
  const away = await setUp({
    fault: () => {
      throw new SinkRetriableError('away')
    },
  })
  const written = away.writer.write(away.batchOf(['1']))
  await away.clock.settle()
  away.stop.abort()
  await written
  expect(away.events()).toEqual(['retried away'])
})
