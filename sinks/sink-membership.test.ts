import { expect, test } from 'vitest'
import type { GroupMemberOptions, KafkaClient } from '../ports/kafka-client.ts'
import { decodeAssignment, encodeSubscription } from '../serdes/consumer-protocol.ts'
import { VirtualClock } from '../test/support/virtual-clock.ts'
import { SinkMembership } from './sink-membership.ts'

test('a topic that grows is divided anew: the partitions that were added are read within 10 s', async () => {
  const clock = new VirtualClock()
  let partitions = 2
  let learntAtMs: number | undefined
  let known = 0
  let rejoins = 0
  let member: GroupMemberOptions | undefined
  const client: Partial<Record<keyof KafkaClient, unknown>> = {
    topics: async (names: readonly string[], { maxAgeMs = 60_000 }: { maxAgeMs?: number } = {}) => {
      // As the client does: a cache.
      if (learntAtMs === undefined || learntAtMs < clock.monotonicMs() - maxAgeMs) {
        learntAtMs = clock.monotonicMs()
        known = partitions
      }
      return names.map((name) => ({ name, topicId: 'id', errorCode: 0, internal: false, partitions: Array.from({ length: known }, (_, partition) => ({ partition })) }))
    },
    groupMember: (options: GroupMemberOptions) => {
      member = options
      return { generation: undefined, start: () => {}, rejoin: () => void rejoins++, leave: async () => {} }
    },
  }
  // What a membership never calls is not there: a call would fail the test.
  const membership = new SinkMembership({ client: client as unknown as KafkaClient, clock, groupId: 'g', groupInstanceId: undefined, topics: ['t'], sessionTimeoutMs: 6_000, address: undefined, owned: () => [], assigned: () => {}, failed: (error) => expect.fail(error.message) })
  const divided = () => {
    const metadata = Buffer.from(encodeSubscription({ topics: ['t'], ownedPartitions: [], generationId: 1, userData: Buffer.alloc(0) }))
    const assignment = member?.listener.assign([{ memberId: 'm', groupInstanceId: undefined, metadata }], 1).get('m')
    return decodeAssignment(Buffer.from(assignment ?? [])).partitions.map(({ partition }) => partition)
  }
  membership.start()
  await clock.advance(15_000)
  expect(divided()).toEqual([0, 1])
  partitions = 4
  await clock.advance(10_001)
  expect(rejoins).toBe(1)
  expect(divided()).toEqual([0, 1, 2, 3])
  await membership.leave()
})
