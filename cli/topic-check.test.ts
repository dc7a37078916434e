import { expect, test } from 'vitest'
import type { KafkaClient } from '../ports/kafka-client.ts'
import { ensureTopics, type WantedTopic } from './topic-check.ts'

const AUDIT: WantedTopic = {
  name: 'audit',
  partitions: undefined,
  configs: new Map([
    ['cleanup.policy', 'delete'],
    ['retention.ms', '1000'],
  ]),
  mustBe: ['cleanup.policy'],
  atLeast: new Map([['max.message.bytes', 1_048_588]]),
}

/** A cluster in which `audit` has these settings. */
function check(configs: Record<string, string>): Promise<Map<string, number>> {
  const broker = {
    metadata: (names: readonly string[]) => Promise.resolve({ topics: names.map((name) => ({ name, errorCode: 0, partitions: [{ leader: 1 }, { leader: 1 }] })) }),
    describeTopicConfigs: (names: readonly string[]) => Promise.resolve(names.map((name) => ({ name, configs: new Map(Object.entries(configs)) }))),
  }
  // Of the client, the check of topics that are there uses these two questions only.
  return ensureTopics({ broker } as unknown as KafkaClient, [AUDIT], { create: false, partitions: 1, replicationFactor: 1 })
}

test('a topic that takes larger messages, with a retention of its own, is as it should be', async () => {
  expect(await check({ 'cleanup.policy': 'delete', 'retention.ms': '5', 'max.message.bytes': '2000000' })).toEqual(new Map([['audit', 2]]))
})

test('every setting that would lose records is named, with what it should be', async () => {
  await expect(check({ 'cleanup.policy': 'compact', 'max.message.bytes': '500000' })).rejects.toThrow(
    /cleanup\.policy=compact, expected delete;.*\n.*max\.message\.bytes=500000, expected at least 1048588; set it with .* max\.message\.bytes=1048588/,
  )
})

test('a setting that the cluster does not tell is no number', async () => {
  await expect(check({ 'cleanup.policy': 'delete' })).rejects.toThrow('max.message.bytes=(unknown)')
})
