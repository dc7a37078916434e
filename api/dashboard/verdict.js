/** @typedef {import('./answers.ts').Health} Health */
/** @typedef {import('./answers.ts').Sample} Sample */
/** @typedef {import('./answers.ts').Sink} Sink */
/** @typedef {import('./answers.ts').Instance} Instance */
/** @typedef {{ level: 'good' | 'warn' | 'bad', sentence: string, more: string | undefined }} Verdict */

import { count, duration, shortName, things } from './format.js'

export const PART_NAMES = /** @type {Readonly<Record<string, string>>} */ ({ kafka: 'Kafka', processor: 'Processor', postgres: 'PostgreSQL', mongo: 'MongoDB' })

/** Work of so many seconds that waits is no longer only under way. */
const WORRYING_S = 10
/** A sample comes every five seconds, while Kafka answers. */
const OLDEST_MS = 15_000
/** Below this it is not worth a word, whatever the rate. */
const WORRYING_RECORDS = 1_000

/**
 * What somebody who has just been woken up wants to know first, in one sentence.
 * @param {{ health: Health | undefined, samples: readonly Sample[], nowMs?: number | undefined, sinks?: readonly Sink[] | undefined, instances?: readonly Instance[] | undefined }} known
 * @returns {Verdict | undefined} undefined: nothing is known yet
 */
export function verdictOf({ health, samples, nowMs, sinks = [], instances = [] }) {
  if (health === undefined) return undefined
  const away = Object.entries(health.parts).filter(([, { up }]) => !up)
  const last = newestOf(samples, nowMs)
  if (away.length > 0) {
    const names = away.map(([part]) => PART_NAMES[part] ?? part)
    return { level: 'bad', sentence: `${listed(names)} ${names.length === 1 ? 'is' : 'are'} away.`, more: away.map(([, { detail }]) => detail).find((detail) => detail !== undefined) }
  }
  const troubled = troubleOf(sinks, instances)
  if (troubled !== undefined) return troubled
  const behind = last === undefined ? undefined : furthestBehind(last)
  if (behind !== undefined && last !== undefined) {
    const seconds = last.committed_per_second > 0 ? `, about ${duration(behind.lag / last.committed_per_second)} of work at the present rate` : ''
    const growing = behind.lag > (samples.at(-7)?.lag[behind.group] ?? behind.lag)
    return { level: 'warn', sentence: `${behind.group} is ${things(behind.lag, 'record')} behind.`, more: `All parts are up${seconds}. It ${growing ? 'grows' : 'does not grow'}.` }
  }
  if (last === undefined) return { level: 'good', sentence: 'All parts are up.', more: undefined }
  if (last.in_per_second < 0.05) return { level: 'good', sentence: 'All parts are up. Nothing comes in.', more: undefined }
  return { level: 'good', sentence: 'All is well.', more: `${count(Math.max(1, Math.round(last.in_per_second)))} records a second come in, and nothing waits.` }
}

/** The worst first. @type {readonly Sink['state'][]} */
const TROUBLES = ['stopped', 'unknown', 'retrying', 'partly-paused', 'paused']

/** @param {Sink['state']} state @returns {'good' | 'warn' | 'bad'} */
export function sinkLevel(state) {
  return state === 'running' ? 'good' : state === 'stopped' || state === 'unknown' ? 'bad' : 'warn'
}

/** @param {Sink['state']} state */
export function sinkWord(state) {
  return state === 'partly-paused' ? 'partly paused' : state
}

/** Parts that are up as a whole, and yet not as they should be. @param {readonly Sink[]} sinks @param {readonly Instance[]} instances @returns {Verdict | undefined} */
function troubleOf(sinks, instances) {
  const sink = TROUBLES.map((trouble) => sinks.find(({ state }) => state === trouble)).find((found) => found !== undefined)
  if (sink !== undefined) return { level: sinkLevel(sink.state), sentence: sink.state === 'unknown' ? `Nobody of ${sink.group} answers.` : `${sink.group} is ${sinkWord(sink.state)}.`, more: `${sink.lag === 0 ? 'Nothing waits for it.' : `${things(sink.lag, 'record')} ${sink.lag === 1 ? 'waits' : 'wait'} for it.`}` }
  const gone = instances.filter(({ reachable }) => !reachable)
  if (gone.length > 0) return { level: 'warn', sentence: `${listed(gone.map(({ instance_id: id }) => shortName(id)))} cannot be reached.`, more: gone[0]?.error }
  const restoring = instances.flatMap(({ tasks }) => tasks.filter(({ state }) => /restor/i.test(state)))
  if (restoring.length > 0) return { level: 'warn', sentence: `${things(restoring.length, 'task')} ${restoring.length === 1 ? 'is' : 'are'} being restored.`, more: `${things(restoring.reduce((sum, task) => sum + (task.restore_remaining ?? 0), 0), 'record')} to go.` }
  return undefined
}

/**
 * The newest sample, unless it is too old to speak of now.
 * @param {readonly Sample[]} samples @param {number | undefined} nowMs by the clock of the samples; undefined: not known
 */
export function newestOf(samples, nowMs) {
  const last = samples.at(-1)
  return last !== undefined && nowMs !== undefined && nowMs - Date.parse(last.at) > OLDEST_MS ? undefined : last
}

/** The group with the most work before it, where that is worrying. @param {Sample} sample */
function furthestBehind({ lag, committed_per_second: perSecond }) {
  const [worst] = Object.entries(lag).toSorted(([, a], [, b]) => b - a)
  if (worst === undefined || worst[1] < WORRYING_RECORDS || worst[1] < perSecond * WORRYING_S) return undefined
  return { group: worst[0], lag: worst[1] }
}

/** @param {readonly string[]} names */
function listed(names) {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`
}
