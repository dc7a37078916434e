import { Decimal128, Long, type MongoClient } from 'mongodb'
import { expect, test } from 'vitest'
import { MongoTradeEvents } from './trade-events.ts'

interface Found {
  readonly _id: string
  readonly timestamp: Date
}

/** MongoDB with these documents in each collection: what is asked is only sorted by time, and limited. */
function eventsOn(documents: readonly Found[], limits: number[] = [], closed: number[] = []): MongoTradeEvents {
  const find = () => {
    let found = [...documents]
    const cursor = {
      sort: ({ timestamp }: { timestamp: number }) => {
        found.sort((a, b) => timestamp * (a.timestamp.getTime() - b.timestamp.getTime()))
        return cursor
      },
      limit: (most: number) => {
        limits.push(most)
        found = found.slice(0, most)
        return cursor
      },
      toArray: async () => found,
      async *[Symbol.asyncIterator]() {
        try {
          yield* found
        } finally {
          closed.push(found.length)
        }
      },
    }
    return cursor
  }
  // Nothing else of a client is asked.
  return new MongoTradeEvents({ db: () => ({ collection: () => ({ find }) }) } as unknown as MongoClient, 'trades')
}

const document = (n: number, fields: object = {}) => ({ _id: `e${n}`, timestamp: new Date(n * 1_000), ...fields })

test('of what is too much of one trade the newest is found, and the cursor is closed when somebody has enough', async () => {
  const closed: number[] = []
  const events = eventsOn([3, 1, 4, 2].map((n) => document(n)), [], closed)
  expect((await Array.fromAsync(events.ofTrade('audit', 'T1', 3))).map(({ id }) => id)).toEqual(['e4', 'e3', 'e2'])
  for await (const { id } of events.ofTrade('audit', 'T1', 3)) {
    expect([id, closed]).toEqual(['e4', [3]])
    break
  }
  expect(closed).toEqual([3, 3])
})

test('of what is recorded of dead letters the newest is found, so much for each of them', async () => {
  const limits: number[] = []
  const found = await eventsOn(Array.from({ length: 300 }, (_, n) => document(n)), limits).recorded(['a', 'b'])
  expect([found.length, found[0]?.id, found.at(-1)?.id, limits]).toEqual([200, 'e100', 'e299', [200]])
})

test('numbers that a double cannot keep come out with all digits, wherever they stand', async () => {
  const fields = { notional: Long.fromString('9223372036854775807'), legs: [{ rate: Decimal128.fromString('1.10'), more: [Long.fromString('-9007199254740993')] }], odd: Decimal128.fromString('NaN'), at: new Date(0), nothing: null, n: 1.5 }
  const [found] = await Array.fromAsync(eventsOn([document(1, fields)]).ofTrade('trade_history', 'T1', 1))
  const { timestamp: _, ...rest } = found?.fields ?? {}
  expect(JSON.stringify(rest)).toBe('{"notional":9223372036854775807,"legs":[{"rate":1.10,"more":[-9007199254740993]}],"odd":"NaN","at":"1970-01-01T00:00:00.000Z","nothing":null,"n":1.5}')
})
