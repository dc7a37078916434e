import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Claim, PartitionWrite, SinkDatabase } from '../sink-database.ts'
import type { SinkRecord } from '../sink-record.ts'
import { recordOf, sourceOf, tradeOf } from './sink-records.ts'

/** The last state of a trade that a database shows, whatever its layout. */
export interface TradeState {
  readonly tradeId: string
  /** `undefined`: deleted. */
  readonly version: number | undefined
  readonly offset: number
  readonly generation: number
}

/** One database with nothing in it. */
export interface DatabaseUnderTest {
  /** A further client of the same database. */
  client(groupId: string): SinkDatabase
  /** The states, by trade id. */
  states(): Promise<TradeState[]>
  destroy(): Promise<void>
}

/** What every `SinkDatabase` promises. `create` makes an empty database for each test. */
export function testSinkDatabase(name: string, create: () => Promise<DatabaseUnderTest>): void {
  describe(`${name} keeps the contract of a sink's database`, () => {
    let database: DatabaseUnderTest
    let sink: SinkDatabase
    let opened: SinkDatabase[] = []

    beforeEach(async () => {
      database = await create()
      opened = []
      sink = await open('group-1')
    })

    afterEach(async () => {
      for (const client of opened) await client.close()
      await database.destroy()
    })

    async function open(groupId: string): Promise<SinkDatabase> {
      const client = database.client(groupId)
      await client.open()
      opened.push(client)
      return client
    }

    test('a first claim starts at offset 0, a later one at the progress, under a higher epoch', async () => {
      const [first] = await sink.claim([sourceOf(0)])
      expect(first).toMatchObject({ nextOffset: 0, source: { partition: 0 } })
      await sink.write([write(first, [tradeOf(sourceOf(0), 4, 'T1', 1)], 0, 7)])
      const [second] = await sink.claim([sourceOf(0)])
      expect(second?.nextOffset).toBe(7)
      if (sink.manifest.fencing === 'epoch') expect(second?.epoch).toBeGreaterThan(first?.epoch ?? Infinity)
    })

    test('claims are answered in the order asked, each partition for itself', async () => {
      const claims = await sink.claim([sourceOf(2), sourceOf(0), sourceOf(1)])
      expect(claims.map(({ source }) => source.partition)).toEqual([2, 0, 1])
      await sink.write([write(claims[1], [tradeOf(sourceOf(0), 0, 'T1', 1)])])
      expect((await sink.claim([sourceOf(1), sourceOf(0)])).map(({ nextOffset }) => nextOffset)).toEqual([0, 1])
    })

    test('a batch of several partitions is applied as a whole', async () => {
      const [a, b] = await sink.claim([sourceOf(0), sourceOf(1)])
      const result = await sink.write([write(a, [tradeOf(sourceOf(0), 0, 'T1', 1), tradeOf(sourceOf(0), 1, 'T1', 2)]), write(b, [tradeOf(sourceOf(1), 0, 'T2', 5)])])
      expect(result.outcomes).toEqual(['applied', 'applied'])
      expect(result.rowsWritten).toBeGreaterThanOrEqual(2)
      expect(await database.states()).toMatchObject([
        { tradeId: 'T1', version: 2, offset: 1 },
        { tradeId: 'T2', version: 5, offset: 0 },
      ])
    })

    test('a write without records moves the progress only', async () => {
      const [claim] = await sink.claim([sourceOf(0)])
      expect((await sink.write([write(claim, [], 0, 12)])).outcomes).toEqual(['applied'])
      expect((await sink.claim([sourceOf(0)]))[0]?.nextOffset).toBe(12)
      expect(await database.states()).toEqual([])
    })

    test('a write whose answer was lost is recognised when it is repeated', async () => {
      const [claim] = await sink.claim([sourceOf(0)])
      const lost = write(claim, [tradeOf(sourceOf(0), 0, 'T1', 1)])
      await sink.write([lost])
      const before = await database.states()
      const again = await sink.write([lost])
      expect(again).toMatchObject({ outcomes: ['applied'], rowsWritten: 0 })
      expect(await database.states()).toEqual(before)
    })

    test('a write and its repetition at the same time have one effect', async () => {
      const [claim] = await sink.claim([sourceOf(0)])
      const batch = [write(claim, [tradeOf(sourceOf(0), 0, 'T1', 1), tradeOf(sourceOf(0), 1, 'T2', 1)])]
      const results = await Promise.all([sink.write(batch), sink.write(batch)])
      expect(results.map(({ outcomes }) => outcomes)).toEqual([['applied'], ['applied']])
      expect((await sink.claim([sourceOf(0)]))[0]?.nextOffset).toBe(2)
      expect(await database.states()).toHaveLength(2)
    })

    test('who lost a partition changes nothing there, and goes on in the partitions that it kept', async () => {
      const [lost, kept] = await sink.claim([sourceOf(0), sourceOf(1)])
      const other = await open('group-1')
      const [taken] = await other.claim([sourceOf(0)])
      await other.write([write(taken, [tradeOf(sourceOf(0), 0, 'T1', 1), tradeOf(sourceOf(0), 1, 'T1', 2)])])
      // T3 is in no other write: were its row to pass, no guard would hide that.
      const late = [tradeOf(sourceOf(0), 0, 'T1', 1), ...(sink.manifest.fencing === 'epoch' ? [tradeOf(sourceOf(0), 2, 'T3', 1)] : [])]
      const zombie = await sink.write([write(lost, late), write(kept, [tradeOf(sourceOf(1), 0, 'T2', 1)])])
      if (sink.manifest.fencing === 'epoch') expect(zombie.outcomes).toEqual(['fenced', 'applied'])
      else expect(zombie.outcomes[1]).toBe('applied')
      expect(await database.states()).toMatchObject([
        { tradeId: 'T1', version: 2 },
        { tradeId: 'T2', version: 1 },
      ])
      expect((await other.claim([sourceOf(0), sourceOf(1)])).map(({ nextOffset }) => nextOffset)).toEqual([2, 1])
    })

    test('a replay by another group leaves the states as they are', async () => {
      const [claim] = await sink.claim([sourceOf(0)])
      const records = [tradeOf(sourceOf(0), 0, 'T1', 1), tradeOf(sourceOf(0), 1, 'T1', 2), recordOf(sourceOf(0), 2, 'T2', undefined)]
      await sink.write([write(claim, records)])
      const before = await database.states()
      const other = await open('group-2')
      const [replay] = await other.claim([sourceOf(0)])
      expect(replay?.nextOffset).toBe(0)
      for (const record of records) expect((await other.write([write(replay, [record], record.offset)])).outcomes).toEqual(['applied'])
      expect(await database.states()).toEqual(before)
    })

    test('a topic made anew starts at offset 0 and its records count as later', async () => {
      const [old] = await sink.claim([sourceOf(0)])
      await sink.write([write(old, [tradeOf(sourceOf(0), 900, 'T1', 3)], 0, 901)])
      const anew = sourceOf(0, { topicId: 'topic-2' })
      const [claim] = await sink.claim([anew])
      expect(claim?.nextOffset).toBe(0)
      expect(claim?.generation).toBeGreaterThan(old?.generation ?? Infinity)
      await sink.write([write(claim, [tradeOf(anew, 0, 'T1', 1)])])
      expect(await database.states()).toMatchObject([{ tradeId: 'T1', version: 1, offset: 0, generation: claim?.generation }])
    })

    test('a claim on the predecessor of a topic made anew is refused as retriable', async () => {
      if (sink.manifest.fencing !== 'epoch') return
      await sink.claim([sourceOf(0)])
      await sink.claim([sourceOf(0, { topicId: 'topic-2' })])
      await expect(sink.claim([sourceOf(0)])).rejects.toMatchObject({ scope: 'retriable' })
    })

    test('a delete stays a delete when its trade was created in the same batch, and a later state brings it back', async () => {
      const [claim] = await sink.claim([sourceOf(0)])
      await sink.write([write(claim, [tradeOf(sourceOf(0), 0, 'T1', 1), recordOf(sourceOf(0), 1, 'T1', undefined)])])
      expect(await database.states()).toMatchObject([{ tradeId: 'T1', version: undefined, offset: 1 }])
      await sink.write([write(claim, [tradeOf(sourceOf(0), 2, 'T1', 2)], 2)])
      expect(await database.states()).toMatchObject([{ tradeId: 'T1', version: 2, offset: 2 }])
    })

    test('a record that is refused leaves the progress alone; without it the rest is written', async () => {
      const [claim] = await sink.claim([sourceOf(0)])
      const good = [tradeOf(sourceOf(0), 0, 'T1', 1), tradeOf(sourceOf(0), 2, 'T2', 1)]
      const bad = recordOf(sourceOf(0), 1, 'T9', 'no JSON')
      const refused = sink.write([write(claim, [...good.slice(0, 1), bad, ...good.slice(1)], 0, 3)])
      await expect(refused).rejects.toMatchObject({ scope: 'poison' })
      expect(await sink.write([write(claim, good, 0, 3)])).toMatchObject({ outcomes: ['applied'] })
      expect(await database.states()).toMatchObject([{ tradeId: 'T1' }, { tradeId: 'T2' }])
    })

    test('many writers, each with partitions of its own in an order of its own, do not get in each other\'s way', async () => {
      const claims = await sink.claim(Array.from({ length: 12 }, (_, partition) => sourceOf(partition)))
      const rounds = Array.from({ length: 4 }, async (_, writer) => {
        const mine = claims.filter(({ source }) => source.partition % 4 === writer)
        if (writer % 2 === 1) mine.reverse()
        for (let offset = 0; offset < 50; offset += 10) {
          const batch = mine.map((claim) => {
            const trades = Array.from({ length: 10 }, (_, i) => tradeOf(claim.source, offset + i, `T${9 - i}-${claim.source.partition}`, offset + 1))
            return write(claim, trades, offset)
          })
          expect((await sink.write(batch)).outcomes).toEqual(['applied', 'applied', 'applied'])
        }
      })
      await Promise.all(rounds)
      const states = await database.states()
      expect(states).toHaveLength(120)
      expect(states.every(({ version }) => version === 41)).toBe(true)
    })
  })
}

function write(claim: Claim | undefined, records: readonly SinkRecord[], fromOffset = claim?.nextOffset ?? 0, toOffset = (records.at(-1)?.offset ?? 0) + 1): PartitionWrite {
  if (claim === undefined) throw new Error('the database answered fewer claims than asked for')
  return { claim, fromOffset, toOffset, records }
}
