/** What ends on each topic, by the last part of its name: each outcome is one record there. */
const OUTCOMES_ON = /** @type {Readonly<Record<string, readonly string[] | 'all'>>} */ ({
  audit: 'all',
  processed: ['CREATED', 'UPDATED', 'REPLACED', 'DELETED', 'EXPIRED'],
  expired: ['EXPIRED'],
  'dead-letter': ['INVALID'],
})

/**
 * How many records a second go to a topic, by the outcomes that lead there: an instance counts what it processes, not where it goes.
 * @param {string} topic
 * @param {Readonly<Record<string, number>> | undefined} outcomesPerSecond
 * @returns {number | null} null: no outcome tells
 */
export function flowTo(topic, outcomesPerSecond) {
  const outcomes = OUTCOMES_ON[topic.slice(topic.lastIndexOf('.') + 1)]
  if (outcomes === undefined || outcomesPerSecond === undefined) return null
  return Object.entries(outcomesPerSecond).reduce((sum, [outcome, perSecond]) => (outcomes === 'all' || outcomes.includes(outcome) ? sum + perSecond : sum), 0)
}
