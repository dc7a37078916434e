import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { expect, test, vi } from 'vitest'
import { killLeftBehind } from '../../../dev/test/left-behind.ts'
import { faultless, ModelFixture, NOW_MS, PARTITIONS } from '../../model/model-fixture.ts'
import { checkCreated } from './check-created.ts'
import { checkExpired, checkModel, checkWithin } from './final-checks.ts'
import { checkEnds, checkErrors, checkLeftBehind, checkWentOn } from './own-checks.ts'

test('the gateway: created once, and told so; what is lost, doubled, never taken, refused or not known is found', () => {
  const created = (...ids: string[]) => ids.map((tradeId) => ({ tradeId, outcome: 'CREATED' }))
  const check = (audits: { tradeId: string; outcome: string }[], notSettled: [string, string][] = []) => checkCreated({ taken: new Set(['1', '2']), underWay: '3', notSettled: new Map(notSettled) }, audits)
  const good = [...created('1', '2'), { tradeId: '1', outcome: 'DUPLICATE' }]
  expect(check(good)).toMatchObject({ held: true, detail: '2 taken, 1 repetitions in the log' })
  expect(check([...good, ...created('3')])).toMatchObject({ held: true })
  expect(check(created('1')).detail).toContain('trade 2 was taken and created 0 times')
  expect(check([...good, ...created('2')]).detail).toContain('trade 2 was taken and created 2 times')
  expect(check([...good, ...created('3', '3')]).detail).toContain('trade 3 was created 2 times')
  expect(check([...good, ...created('4')]).detail).toContain('trade 4 was created, and never taken')
  expect(check([...good, { tradeId: '1', outcome: 'UPDATED' }]).detail).toContain('trade 1 is UPDATED')
  expect(check(good, [['2', '404']]).detail).toContain('trade 2 was taken, and the gateway does not say that it succeeded: 404')
})

test('the model: outputs as they must be, and one that is lost, doubled or differs', () => {
  const fixture = new ModelFixture()
  const outputs = [fixture.trade(), fixture.trade({ version: 2 }), fixture.send('T1', 'not JSON')]
  const inputs = outputs.flatMap(({ input }) => input ?? [])
  const good = faultless(outputs)
  const settings = { environment: { settings: { 'topics.partitions': PARTITIONS }, topics: { ingested: 'trade.ingested' } }, businessDates: ['2026-12-11'] }
  const check = (actual: typeof good) => checkModel(inputs, actual, settings, { fromMs: NOW_MS, toMs: NOW_MS })[0]
  expect(check(good)).toMatchObject({ held: true, detail: '3 inputs: 1 CREATED, 1 UPDATED, 1 INVALID' })
  for (const [at, record] of good.entries()) {
    expect(check(good.toSpliced(at, 1)), `${record.topic} without offset ${record.offset}`).toMatchObject({ held: false })
    expect(check([...good, { ...record, offset: record.offset + 10 }]), `${record.topic} with offset ${record.offset} twice`).toMatchObject({ held: false })
  }
  const other = good.map((record) => ({ ...record, value: Buffer.from(record.value?.toString().replace('B1', 'B2') ?? '') }))
  expect(check(other)).toMatchObject({ held: false, detail: expect.stringContaining('book_id') })
})

test('a run in which nothing expires does not hold', () => {
  expect(checkExpired(1, ['2026-12-11', '2026-12-12'])).toMatchObject({ held: true, detail: '1 expired; the business date was 2026-12-11, 2026-12-12' })
  expect(checkExpired(0, ['2026-12-11'])).toMatchObject({ held: false })
})

test('a check that fails, or does not end, did not hold and says why', async () => {
  expect(await checkWithin('it', () => Promise.reject(new Error('no route')))).toEqual({ name: 'it', held: false, detail: 'could not be checked: no route' })
  vi.useFakeTimers()
  try {
    const hanging = checkWithin('it', () => new Promise<never>(() => {}))
    await vi.advanceTimersByTimeAsync(1_800_000)
    expect(await hanging).toEqual({ name: 'it', held: false, detail: 'could not be checked: it: not within 1800 s' })
  } finally {
    vi.useRealTimers()
  }
})

test('what did not come back, and a run without a fault, do not hold', () => {
  expect(checkWentOn([], 3)).toMatchObject({ held: true, detail: '3 faults' })
  expect(checkWentOn(['no rows of partition 1'], 3)).toMatchObject({ held: false, detail: 'no rows of partition 1' })
  expect(checkWentOn([], 0)).toMatchObject({ held: false })
})

test('a role may end by itself only for a reason', () => {
  const exit = { name: 'p1', exit: 'exit code 1', lastWords: 'p1: no space left' }
  expect(checkEnds([{ ...exit, excuse: 'its disk was full' }])).toMatchObject({ held: true })
  expect(checkEnds([{ ...exit, excuse: 'its disk was full' }, { ...exit, excuse: undefined }])).toMatchObject({ held: false, detail: 'p1 (exit code 1): p1: no space left' })
})

test('an error without words of its own is found among the lines', () => {
  expect(checkErrors(['p1: assigned: tasks 0_1'])).toMatchObject({ held: true })
  expect(checkErrors(['p1: assigned: tasks 0_1', 'p2: unexpected: TypeError: x'])).toMatchObject({ held: false, detail: 'p2: unexpected: TypeError: x' })
})

test('a process that is left behind is found, ended and named', async () => {
  expect(checkLeftBehind([])).toMatchObject({ held: true })
  const run = `run-${randomUUID()}`
  expect(await killLeftBehind(run, 0)).toEqual([])
  const child = spawn('sleep', ['300'], { env: { ...process.env, TRADEWIND_TEST_RUN: run }, stdio: 'ignore' })
  const ended = new Promise((resolve) => child.once('exit', (_, signal) => resolve(signal)))
  await new Promise((resolve) => child.once('spawn', resolve))
  expect(checkLeftBehind(await killLeftBehind(`TRADEWIND_TEST_RUN=${run}`, 0))).toMatchObject({ held: false, detail: `${child.pid} sleep 300` })
  expect(await ended).toBe('SIGKILL')
})
