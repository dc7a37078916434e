import { expect, test } from 'vitest'
import { ConnectionLostError } from '../ports/broker.ts'
import type { KafkaClient } from '../ports/kafka-client.ts'
import { VirtualClock } from '../test/support/virtual-clock.ts'
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

/** A cluster of which a part is away for some time: the controller, and the leaders of the topic that it has made. */
class RestartingCluster {
  readonly clock = new VirtualClock()
  #made = false

  ensure(awayMs: { controller: number; leaders: number }): Promise<Map<string, number>> {
    const broker = {
      metadata: (names: readonly string[]) => {
        const leader = this.clock.monotonicMs() < awayMs.leaders ? undefined : 1
        return Promise.resolve({ topics: names.map((name) => ({ name, errorCode: this.#made ? 0 : 3, partitions: this.#made ? [{ leader }] : [] })) })
      },
      createTopics: (topics: readonly { name: string }[]) => {
        if (this.clock.monotonicMs() < awayMs.controller) return Promise.reject(new ConnectionLostError('the cluster has no controller now'))
        this.#made = true
        return Promise.resolve(topics.map(({ name }) => ({ name, errorCode: 0, errorMessage: undefined })))
      },
      describeTopicConfigs: (names: readonly string[]) =>
        Promise.resolve(names.map((name) => ({ name, configs: new Map([['cleanup.policy', 'delete'], ['max.message.bytes', '1048588']]) }))),
    }
    // making topics uses these three requests only
    return ensureTopics({ broker } as unknown as KafkaClient, [AUDIT], { create: true, partitions: 1, replicationFactor: 1, clock: this.clock })
  }
}

test('a controller and leaders that are away for a while are waited for', async () => {
  const cluster = new RestartingCluster()
  const ensured = cluster.ensure({ controller: 20_000, leaders: 50_000 })
  await cluster.clock.advance(50_100)
  expect(await ensured).toEqual(new Map([['audit', 1]]))
})

test('a controller or leaders that stay away are named after a minute', async () => {
  for (const [away, message] of [
    [{ controller: Infinity, leaders: 0 }, 'the cluster has no controller now'],
    [{ controller: 0, leaders: Infinity }, 'topics audit have no leaders after 60 s; are all brokers up?'],
  ] as const) {
    const cluster = new RestartingCluster()
    const refused = expect(cluster.ensure(away)).rejects.toThrow(message)
    await cluster.clock.advance(60_100)
    await refused
  }
})
