import { expect, test } from 'vitest'
import { countingTopology } from '../engine/testing/counting.ts'
import { ModelKafka } from '../engine/testing/model-kafka.ts'
import { recordSources } from './record-sources.ts'

function recording() {
  const facts = new Map<string, string>()
  const kafka = new ModelKafka()
  const directory = {
    path: '/state',
    fact: (name: string) => facts.get(name),
    recordOnce: async (name: string, value: string) => void facts.set(name, value),
  }
  return { facts, kafka, record: () => recordSources(directory, kafka, countingTopology({ partitions: 4 })) }
}

test('an input topic that was made anew since the state was built is refused, and says what to do', async () => {
  const { kafka, record } = recording()
  kafka.metadata.set('in', { topicId: 'first', partitions: 4 })
  await record()
  await record()
  kafka.metadata.set('in', { topicId: 'second', partitions: 4 })
  await expect(record()).rejects.toThrow('input topic in was deleted and made anew since the state in /state was built: reset the application')
})

test('a broker that does not know the topic at this moment says nothing of its id', async () => {
  const { facts, kafka, record } = recording()
  kafka.metadata.set('in', { topicId: '00000000-0000-0000-0000-000000000000', errorCode: 3 })
  await record()
  expect(facts.has('topic id of in')).toBe(false)
  kafka.metadata.set('in', { topicId: 'first', partitions: 4 })
  await record()
  kafka.metadata.set('in', { topicId: '00000000-0000-0000-0000-000000000000', errorCode: 3 })
  await record()
  expect(facts.get('topic id of in')).toBe('first')
})
