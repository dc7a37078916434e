import type pg from 'pg'
import { expect, test } from 'vitest'
import { PostgresClaims } from './claims.ts'

/** Statements that a test answers. */
class Statements {
  readonly asked: { readonly text: string; readonly values: readonly string[][] }[] = []
  answer: (text: string, values: readonly string[][]) => Promise<{ rows: object[]; rowCount: number }> = async (_text, [callers = [], keys = [], ids = [], hashes = []]) => {
    const rows = callers.map((caller, index) => ({ caller, key: keys[index], request_id: ids[index], payload_hash: hashes[index] }))
    return { rows, rowCount: rows.length }
  }

  get pool(): pg.Pool {
    const query = (text: string, values: readonly string[][] = []) => {
      this.asked.push({ text, values })
      return this.answer(text, values)
    }
    // Of a pool the claims only ask queries, in this form.
    return { query } as unknown as pg.Pool
  }
}

const claim = (n: number) => ({ caller: 'c', key: `k${n}`, requestId: `r${n}`, payloadHash: 'h' })

test('what is past its time is removed portion by portion, until there is no more', async () => {
  const statements = new Statements()
  const portions = [5_000, 5_000, 12]
  statements.answer = async () => ({ rows: [], rowCount: portions.shift() ?? 0 })
  expect(await new PostgresClaims(statements.pool).forget()).toBe(10_012)
  expect([statements.asked.length, portions]).toEqual([3, []])
})

test('a claim that was renewed meanwhile stays: the removal itself looks at its age', async () => {
  const statements = new Statements()
  statements.answer = async () => ({ rows: [], rowCount: 0 })
  await new PostgresClaims(statements.pool).forget()
  const [outside = ''] = statements.asked[0]?.text.split('(SELECT') ?? []
  expect(outside).toContain(`claimed_at < now() - interval '24 hours'`)
})

test('forgetting does not overlap itself, and goes on after it failed', async () => {
  const statements = new Statements()
  const claims = new PostgresClaims(statements.pool)
  const gate = Promise.withResolvers<{ rows: object[]; rowCount: number }>()
  statements.answer = () => gate.promise
  const both = [claims.forget(), claims.forget()]
  gate.resolve({ rows: [], rowCount: 7 })
  expect([await Promise.all(both), statements.asked.length]).toEqual([[7, 7], 1])
  statements.answer = () => Promise.reject(new Error('away'))
  await expect(claims.forget()).rejects.toThrow('away')
  statements.answer = async () => ({ rows: [], rowCount: 3 })
  expect(await claims.forget()).toBe(3)
})

test('a statement that fails fails all that wait; what comes then is tried', async () => {
  const statements = new Statements()
  const whole = statements.answer
  const claims = new PostgresClaims(statements.pool)
  const gate = Promise.withResolvers<never>()
  const begun = Promise.withResolvers<void>()
  statements.answer = () => {
    begun.resolve()
    return gate.promise
  }
  const first = Array.from({ length: 1_200 }, (_, n) => claims.claim(claim(n)).catch((error: unknown) => error))
  await begun.promise
  gate.reject(new Error('Query read timeout'))
  for (const answer of await Promise.all(first)) expect(answer).toMatchObject({ message: 'Query read timeout' })
  expect(statements.asked.length).toBe(1)
  statements.answer = whole
  expect(await claims.claim(claim(1))).toEqual({ requestId: 'r1', payloadHash: 'h' })
})

test('more than ten thousand do not wait', async () => {
  const statements = new Statements()
  const claims = new PostgresClaims(statements.pool)
  statements.answer = () => new Promise(() => {})
  for (let n = 0; n < 10_000; n++) void claims.claim(claim(n))
  await expect(Promise.race([claims.claim(claim(10_000)), new Promise((resolve) => setImmediate(resolve))])).rejects.toThrow('10000 claims wait')
})
