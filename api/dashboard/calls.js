// The calls that pages watch, each with how often it is asked while the page can be seen.

import { query } from './api.js'
import { usePolled } from './poll.js'
import { tradeCall } from './router.js'

/** @template Answer @typedef {import('./poll.js').Polled<Answer>} Polled */
/** @template Item @typedef {import('./answers.ts').Listed<Item>} Listed */

/** The gateway takes a sample every five seconds, and counts rows no more often. */
const SAMPLED_MS = 5_000
/** What moves while one looks at it. */
const LIVE_MS = 2_000
const SLOW_MS = 10_000

export function useHistory() {
  return /** @type {Polled<import('./answers.ts').History>} */ (usePolled('/statistics/history', { intervalMs: SAMPLED_MS }))
}

export function useStatistics() {
  return /** @type {Polled<import('./answers.ts').Statistics>} */ (usePolled('/statistics', { intervalMs: SLOW_MS }))
}

export function useHealth() {
  return /** @type {Polled<import('./answers.ts').Health>} */ (usePolled('/health', { intervalMs: SAMPLED_MS }))
}

export function useTopology() {
  return /** @type {Polled<import('./answers.ts').TopologyAnswer>} */ (usePolled('/topology', { intervalMs: LIVE_MS }))
}

/** @param {(answer: import('./answers.ts').GroupsAnswer) => void} [onAnswer] */
export function useGroups(onAnswer) {
  return /** @type {Polled<import('./answers.ts').GroupsAnswer>} */ (usePolled('/groups', { intervalMs: LIVE_MS, ...(onAnswer !== undefined && { onAnswer: /** @type {(answer: unknown) => void} */ (onAnswer) }) }))
}

/** @param {number} intervalMs */
export function useInstances(intervalMs = LIVE_MS) {
  return /** @type {Polled<import('./answers.ts').InstancesAnswer>} */ (usePolled('/instances', { intervalMs }))
}

/** @param {number} intervalMs */
export function useSinks(intervalMs = LIVE_MS) {
  return /** @type {Polled<{ sinks: readonly import('./answers.ts').Sink[] }>} */ (usePolled('/sinks', { intervalMs }))
}

/** @param {Readonly<Record<string, string | undefined>>} filter */
export function useTrades(filter) {
  return /** @type {Polled<Listed<import('./answers.ts').Trade>>} */ (usePolled(`/trades${query(filter)}`))
}

/** @param {Readonly<Record<string, string | undefined>>} filter */
export function useAudit(filter) {
  return /** @type {Polled<Listed<import('./answers.ts').AuditEntry>>} */ (usePolled(`/audit-logs${query(filter)}`))
}

/** Not by itself: hundreds may come in a second, and the one that is read must not move away. @param {string | undefined} cursor */
export function useDeadLetters(cursor) {
  return /** @type {Polled<Listed<import('./answers.ts').DeadLetter>>} */ (usePolled(`/dead-letters${query({ limit: 50, cursor })}`))
}

/** @param {string} id */
export function useDeadLetter(id) {
  return /** @type {Polled<import('./answers.ts').DeadLetter>} */ (usePolled(`/dead-letters/${encodeURIComponent(id)}`))
}

/** @param {string} tradeId */
export function useTimeline(tradeId) {
  return /** @type {Polled<import('./answers.ts').Timeline>} */ (usePolled(tradeCall(tradeId, '/timeline'), { intervalMs: SLOW_MS }))
}
