import { expect } from 'vitest'
import type { ContractCase } from './contract-case.ts'

const made = (name: string, partitions = 1, configs: Record<string, string> = {}, replicationFactor = -1) => ({ name, partitions, replicationFactor, configs: new Map(Object.entries(configs)) })

export const topicCases: readonly ContractCase[] = [
  {
    name: 'a topic is made once; a second time is refused',
    check: async (run) => {
      const { topic } = await run.topic('once', 2)
      expect(await run.settled(run.broker.createTopics([made(topic, 2)]))).toEqual([{ name: topic, errorCode: 36, errorMessage: expect.stringContaining('already exists') }])
    },
  },
  {
    name: 'impossible topics are refused, each for its own reason',
    check: async (run) => {
      const refusals: [ReturnType<typeof made>, number][] = [
        [made(run.name('not/a/name')), 17],
        [made(run.name('no-partitions'), 0), 37],
        [made(run.name('replicas'), 1, {}, 30), 38],
        [made(run.name('unknown'), 1, { 'no.such.setting': '1' }), 40],
        [made(run.name('policy'), 1, { 'cleanup.policy': 'burn' }), 40],
        [made(run.name('segment'), 1, { 'segment.bytes': '1000' }), 40],
        [made(run.name('number'), 1, { 'retention.ms': 'for ever' }), 40],
      ]
      for (const [topic, errorCode] of refusals) {
        const [answer] = await run.settled(run.broker.createTopics([topic]))
        expect(answer, topic.name).toMatchObject({ name: topic.name, errorCode })
      }
    },
  },
  {
    name: 'a topic named twice in one request is refused',
    check: async (run) => {
      const name = run.name('twin')
      const answers = await run.settled(run.broker.createTopics([made(name), made(name)]))
      expect(answers.map(({ errorCode }) => errorCode)).toEqual(answers.map(() => 42))
    },
  },
  {
    name: 'settings are described, defaults included; of a missing topic there are none',
    check: async (run) => {
      const { topic } = await run.topic('described', 1, { 'cleanup.policy': 'compact', 'delete.retention.ms': '12345' })
      const [configs] = await run.settled(run.broker.describeTopicConfigs([topic]))
      expect(configs).toMatchObject({ name: topic, errorCode: 0 })
      const settings = Object.fromEntries(['cleanup.policy', 'delete.retention.ms', 'retention.ms', 'max.message.bytes', 'message.timestamp.type'].map((name) => [name, configs?.configs.get(name)]))
      expect(settings).toEqual({ 'cleanup.policy': 'compact', 'delete.retention.ms': '12345', 'retention.ms': '604800000', 'max.message.bytes': '1048588', 'message.timestamp.type': 'CreateTime' })
      const [missing] = await run.settled(run.broker.describeTopicConfigs([run.name('missing')]))
      expect(missing).toMatchObject({ errorCode: 3 })
    },
  },
  {
    name: 'metadata names leaders, replicas and ids, and says what is missing or no name',
    check: async (run) => {
      const { topic, topicId, leader } = await run.topic('known', 3)
      const missing = run.name('missing')
      const { topics, nodes } = await run.settled(run.broker.metadata([topic, missing, 'not/a/name']))
      expect(topicId).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
      expect(nodes.map(({ node }) => node)).toContain(leader)
      const found = topics.find(({ name }) => name === topic)
      expect(found).toMatchObject({ topicId, errorCode: 0, internal: false })
      for (const { errorCode, replicas, inSyncReplicas, leaderEpoch } of found?.partitions ?? []) {
        expect(errorCode).toBe(0)
        expect(replicas).toContain(inSyncReplicas[0])
        expect(leaderEpoch).toBe(0)
      }
      expect(topics.find(({ name }) => name === missing)).toMatchObject({ errorCode: 3, partitions: [] })
      expect(topics.find(({ name }) => name === 'not/a/name')).toMatchObject({ errorCode: 17 })
    },
  },
  {
    name: 'metadata of all topics shows them, of none shows only the nodes',
    check: async (run) => {
      const { topic } = await run.topic('listed')
      const all = await run.settled(run.broker.metadata(undefined))
      expect(all.topics.map(({ name }) => name)).toContain(topic)
      const none = await run.settled(run.broker.metadata([]))
      expect(none.topics).toEqual([])
      expect(none.nodes).toEqual(all.nodes)
      expect(none.clusterId).toBe(all.clusterId)
    },
  },
  {
    name: 'the topics of the coordinators are internal',
    check: async (run) => {
      await run.coordinator('group', run.name('group'))
      await run.coordinator('transaction', run.name('transaction'))
      const { topics } = await run.settled(run.broker.metadata(['__consumer_offsets', '__transaction_state']))
      expect(topics.map(({ errorCode, internal }) => [errorCode, internal])).toEqual([
        [0, true],
        [0, true],
      ])
    },
  },
  {
    name: 'a topic that is made anew has another id, and the old one is unknown',
    check: async (run) => {
      const old = await run.topic('anew')
      await run.produce(old)
      expect(await run.settled(run.broker.deleteTopics([old.topic, run.name('missing')]))).toEqual(
        expect.arrayContaining([
          { name: old.topic, errorCode: 0 },
          { name: run.name('missing'), errorCode: 3 },
        ]),
      )
      await run.until(() => run.broker.metadata([old.topic]), ({ topics: [found] }) => found?.errorCode === 3)
      const anew = await run.topic('anew')
      expect(anew.topicId).not.toBe(old.topicId)
      const gone = await run.until(() => run.fetch({ ...anew, topicId: old.topicId }), ({ errorCode }) => errorCode !== 0)
      expect(gone.errorCode).toBe(100)
      expect(await run.fetch(anew)).toMatchObject({ errorCode: 0, highWatermark: 0 })
    },
  },
  {
    name: 'the features tell of transactions V2',
    check: async (run) => {
      const { finalised, transactionsV2 } = await run.settled(run.broker.features())
      expect(finalised.get('transaction.version')).toBe(2)
      expect(transactionsV2).toBe(true)
    },
  },
]
