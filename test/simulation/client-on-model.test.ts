import { describe, expect, test } from 'vitest'
import { ModelRun } from './model-run.ts'

describe('the Kafka client on the model of a cluster', () => {
  test('a transaction is read when it has committed, and not before', async () => {
    const run = new ModelRun()
    run.cluster.createTopic({ name: 'output', partitions: 1 })
    const client = run.client('one')
    const producer = client.transactionalProducer({ transactionalId: 'application-1' })
    await run.until(producer.initialise())

    const offsets = await run.until(producer.produce([run.batch('output', 0, ['a', 'b'])]))
    expect(offsets).toEqual([0])
    expect(run.cluster.log('output', 0).records().map(({ transaction }) => transaction)).toEqual(['open', 'open'])
    const reader = run.reader('output', 0)
    await run.clock.advance(1_000)
    expect(reader.values()).toEqual([])

    await run.until(producer.end('commit'))
    await run.clock.advance(100)
    expect(reader.values()).toEqual(['a', 'b'])
    expect(reader.nextOffset).toBe(3)
    expect(run.cluster.openTransactions()).toEqual([])

    await run.until(producer.produce([run.batch('output', 0, ['lost'])]))
    await run.until(producer.end('abort'))
    await run.until(producer.produce([run.batch('output', 0, ['c'])]))
    await run.until(producer.end('commit'))
    await run.clock.advance(100)
    expect(reader.values()).toEqual(['a', 'b', 'c'])
    await run.end()
  })

  test('two members share a group, commit in transactions, and one takes over from the other', async () => {
    const run = new ModelRun()
    run.cluster.createTopic({ name: 'input', partitions: 2 })
    const [a, b] = [run.member('a'), run.member('b')]
    a.member.start()
    await run.clock.advance(500)
    expect(a.assignment).toBe('a')
    b.member.start()
    await run.clock.advance(1_500)
    expect([a.assignment, b.assignment]).toEqual(['a b', 'a b'])

    const producer = b.client.transactionalProducer({ transactionalId: 'application-b' })
    await run.until(producer.initialise())
    const { generation } = b.member
    if (!generation) throw new Error('b is not a member')
    await run.until(producer.commitOffsets([{ topic: 'input', partition: 1, offset: 7, leaderEpoch: -1, metadata: 'm' }], generation))
    expect(run.cluster.committedOffsets('group').size).toBe(0)
    await run.until(producer.end('commit'))
    expect(await run.until(a.client.committedOffsets('group', [{ topic: 'input', partition: 1 }], { requireStable: true }))).toEqual([
      { topic: 'input', partition: 1, errorCode: 0, offset: 7, leaderEpoch: -1, metadata: 'm' },
    ])

    await b.member.close()
    await run.clock.advance(12_000)
    expect(a.assignment).toBe('a')
    const late = producer.commitOffsets([{ topic: 'input', partition: 1, offset: 9, leaderEpoch: -1, metadata: '' }], generation)
    await expect(run.until(late)).rejects.toMatchObject({ code: 25 })
    await run.end()
  })
})
