import { expect, test } from 'vitest'
import { health, history, instances, sinks } from '../../test/browser/sample-answers.ts'
import { verdictOf } from './verdict.js'

const samples = history.samples
const running = sinks.sinks.map((sink) => ({ ...sink, state: 'running' as const }))

test('nothing known, nothing said', () => {
  expect(verdictOf({ health: undefined, samples })).toBeUndefined()
  expect(verdictOf({ health, samples: [] })).toEqual({ level: 'good', sentence: 'All parts are up.', more: undefined })
})

test('all is well', () => {
  expect(verdictOf({ health, samples, sinks: running })).toMatchObject({ level: 'good', sentence: 'All is well.' })
  expect(verdictOf({ health, samples: samples.map((sample) => ({ ...sample, in_per_second: 0 })) })?.sentence).toBe('All parts are up. Nothing comes in.')
})

test('what is away comes first, then a sink, an instance, tasks, and lag', () => {
  const away = { ...health, parts: { ...health.parts, postgres: { up: false, detail: 'connect ECONNREFUSED' }, mongo: { up: false } } }
  expect(verdictOf({ health: away, samples, sinks: sinks.sinks })).toEqual({ level: 'bad', sentence: 'PostgreSQL and MongoDB are away.', more: 'connect ECONNREFUSED' })
  expect(verdictOf({ health, samples, sinks: sinks.sinks, instances: instances.instances })).toEqual({ level: 'warn', sentence: 'tradewind-sink-postgres is retrying.', more: '14,310 records wait for it.' })
  expect(verdictOf({ health, samples, sinks: running, instances: instances.instances })?.sentence).toBe('tradewind-c-1 cannot be reached.')
  expect(verdictOf({ health, samples, instances: instances.instances.filter(({ reachable }) => reachable) })).toEqual({ level: 'warn', sentence: '2 tasks are being restored.', more: '96,224 records to go.' })
})

test('a sink that stands still in part, or of which nobody answers, is not well', () => {
  const as = (state: 'partly-paused' | 'unknown') => verdictOf({ health, samples, sinks: running.map((sink) => ({ ...sink, state })) })
  expect(as('partly-paused')).toMatchObject({ level: 'warn', sentence: 'tradewind-sink-postgres is partly paused.' })
  expect(as('unknown')).toMatchObject({ level: 'bad', sentence: 'Nobody of tradewind-sink-postgres answers.' })
})

test('what was sampled a while ago says nothing of now', () => {
  const [sample] = samples.slice(-1).map((last) => ({ ...last, lag: { 'tradewind-sink-mongo': 900_000 } }))
  if (sample === undefined) throw new Error('the samples are empty')
  const after = (ms: number) => verdictOf({ health, samples: [sample], nowMs: Date.parse(sample.at) + ms })?.sentence
  expect([after(15_000), after(15_001)]).toEqual(['tradewind-sink-mongo is 900,000 records behind.', 'All parts are up.'])
})

test('lag counts when there is more of it than is under way anyway', () => {
  const last = samples.at(-1)
  const behind = (lag: number) => [...samples, ...(last === undefined ? [] : [{ ...last, lag: { 'tradewind-sink-mongo': lag }, committed_per_second: 2_000 }])]
  expect(verdictOf({ health, samples: behind(19_000) })?.level).toBe('good')
  expect(verdictOf({ health, samples: behind(124_000) })).toMatchObject({ level: 'warn', sentence: 'tradewind-sink-mongo is 124,000 records behind.' })
  expect(verdictOf({ health, samples: behind(124_000) })?.more).toContain('1 min 2 s of work at the present rate. It grows.')
})
