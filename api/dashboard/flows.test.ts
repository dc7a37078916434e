import { expect, test } from 'vitest'
import { flowTo } from './flows.js'

test('what goes to a topic, by the outcomes that lead there', () => {
  const outcomes = { CREATED: 10, UPDATED: 5, DUPLICATE: 2, EXPIRED: 1, STALE_VERSION: 3, INVALID: 4 }
  expect(['t1.trade.audit', 'trade.processed', 'trade.expired', 'trade.dead-letter', 'trade.repaired', 'another'].map((topic) => flowTo(topic, outcomes))).toEqual([25, 16, 1, 4, null, null])
  expect(flowTo('trade.audit', undefined)).toBeNull()
})
