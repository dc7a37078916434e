import { describe, expect, test } from 'vitest'
import type { TransactionalProducer } from '../../ports/kafka-client.ts'
import { LosingNetwork } from './losing-network.ts'
import { ModelRun } from './model-run.ts'

/** A request that left its client and arrives when its connection is gone, after it was repeated on another one and the client has gone on. */
describe.each([
  { name: 'V2', transactionVersion: 2 },
  { name: 'V1', transactionVersion: 1 },
  { name: 'V1 of brokers that do not ask whether a transaction has begun', transactionVersion: 1, verifiesTransactions: false },
] as const)('transactions $name: requests that come late', ({ transactionVersion, ...cluster }) => {
  const NOBODY = { groupId: 'group', generationId: -1, memberId: '', groupInstanceId: undefined }

  async function producing() {
    const run = new ModelRun({ transactionVersion, ...cluster })
    for (const name of ['input', 'output']) run.cluster.createTopic({ name, partitions: 1 })
    const network = new LosingNetwork()
    const producer = run.client('application', network).transactionalProducer({ transactionalId: 'application', transactionTimeoutMs: 60_000 })
    await run.until(producer.initialise())
    const produce = (value: string) => run.until(producer.produce([run.batch('output', 0, [value])]))
    const commit = (offset: number) => run.until(producer.commitOffsets([{ topic: 'input', partition: 0, offset, leaderEpoch: -1, metadata: '' }], NOBODY))
    const end = async (outcome: 'commit' | 'abort') => {
      await run.until(producer.end(outcome))
      await run.clock.advance(200)
    }
    const arrive = async () => {
      const answers = await run.until(network.arrive())
      await run.clock.advance(200)
      return answers
    }
    return { run, network, producer, produce, commit, end, arrive }
  }

  test.each(['commit', 'abort'] as const)('the end of a transaction (%s) does not end the next one', async (outcome) => {
    const { run, network, produce, end, arrive } = await producing()
    await produce('first')
    network.loseNext('EndTxn', 'late')
    await end(outcome)
    await produce('second')
    expect(await arrive()).toMatchObject([{ errorCode: 90 }])
    expect(run.cluster.openTransactions()).toMatchObject([{ state: 'ongoing', partitions: ['output-0'] }])
    expect(transactions(run)).toEqual([outcome === 'commit' ? 'committed' : 'aborted', 'open'])
    await end(outcome === 'commit' ? 'abort' : 'commit')
    expect(values(run)).toEqual([outcome === 'commit' ? 'first' : 'second'])
  })

  test('offsets do not set the group back', async () => {
    const { run, network, producer, commit, end, arrive } = await producing()
    network.loseNext('TxnOffsetCommit', 'late')
    await commit(7).catch(async () => {
      await run.until(producer.initialise())
      await commit(7)
    })
    await end('commit')
    await commit(8)
    expect(await arrive()).not.toMatchObject([[{ errorCode: 0 }]])
    await end('commit')
    expect(run.cluster.committedOffsets('group').get('input-0')?.offset).toBe(8)
  })

  test('offsets do not come once more behind those of the transaction after it, whose producer sends them while this one is still open', async () => {
    const { run, network, producer, commit, end, arrive } = await producing()
    const next = run.client('application', network).transactionalProducer({ transactionalId: 'application-next', transactionTimeoutMs: 60_000 })
    await run.until(next.initialise())
    network.loseNext('TxnOffsetCommit', 'late')
    await commit(7).catch(async () => {
      await run.until(producer.initialise())
      await commit(7)
    })
    await run.until(next.commitOffsets([{ topic: 'input', partition: 0, offset: 8, leaderEpoch: -1, metadata: '' }], NOBODY))
    await arrive()
    await end('commit')
    await run.until(next.end('commit'))
    await run.clock.advance(200)
    expect(run.cluster.committedOffsets('group').get('input-0')?.offset).toBe(8)
  })

  const waysToGiveUp: readonly [string, (producer: TransactionalProducer) => Promise<void>][] = [
    ['initialise', (producer) => producer.initialise()],
    ['abort', (producer) => producer.end('abort')],
  ]
  // The marker of an EndTxn has the epoch of its transaction: brokers that ask nobody take what comes behind it. What InitProducerId aborts has a marker of the next epoch.
  test.each('verifiesTransactions' in cluster ? waysToGiveUp.slice(0, 1) : waysToGiveUp)('records of a transaction that was given up (%s) are not in the next one', async (_, giveUp) => {
    const { run, network, producer, produce, end, arrive } = await producing()
    await produce('first')
    network.loseNext('Produce', 'late')
    const lost = expect(producer.produce([run.batch('output', 0, ['late'])])).rejects.toMatchObject({ scope: 'abort' })
    await run.clock.settle()
    expect(network.sent.filter((api) => api === 'Produce')).toHaveLength(2)
    // its end goes out before it is repeated
    await run.until(giveUp(producer))
    await lost
    await produce('kept')
    expect(await arrive()).toMatchObject([{ partitions: [{ errorCode: expect.any(Number), baseOffset: -1 }] }])
    await end('commit')
    expect(values(run)).toEqual(['kept'])
    expect(run.cluster.openTransactions()).toEqual([])
  })

  if ('verifiesTransactions' in cluster) test("what they cannot give: behind end('abort') late records stay open, until the next transaction takes them with it", async () => {
    const { run, network, producer, produce, end, arrive } = await producing()
    await produce('first')
    network.loseNext('Produce', 'late')
    const lost = expect(producer.produce([run.batch('output', 0, ['late'])])).rejects.toMatchObject({ scope: 'abort' })
    await run.clock.settle()
    await run.until(producer.end('abort'))
    await lost
    await run.clock.advance(200)
    expect(await arrive()).toMatchObject([{ partitions: [{ errorCode: 0 }] }])
    expect(transactions(run)).toEqual(['aborted', 'open'])
    await produce('kept')
    await end('commit')
    expect(values(run)).toEqual(['late', 'kept'])
  })

  test('records that were repeated are there once', async () => {
    const { run, network, produce, end, arrive } = await producing()
    network.loseNext('Produce', 'late')
    await produce('first')
    await end('commit')
    await produce('second')
    expect(await arrive()).toHaveLength(1)
    await end('commit')
    expect(values(run)).toEqual(['first', 'second'])
  })

  if (transactionVersion === 2) return
  test.each(['AddPartitionsToTxn', 'AddOffsetsToTxn'])('%s begins nothing behind the end of its transaction', async (api) => {
    const { run, network, produce, commit, end, arrive } = await producing()
    network.loseNext(api, 'late')
    await produce('first')
    await commit(7)
    await end('commit')
    await produce('second')
    expect(await arrive()).toHaveLength(1)
    expect(run.cluster.openTransactions()).toMatchObject([{ partitions: ['output-0'] }])
    await end('commit')
    expect(run.cluster.openTransactions()).toEqual([])
    expect(values(run)).toEqual(['first', 'second'])
  })
})

function values({ cluster }: ModelRun): string[] {
  return cluster.log('output', 0).committed().map(({ value }) => String(value))
}

function transactions({ cluster }: ModelRun): unknown[] {
  return cluster.log('output', 0).records().map(({ transaction }) => transaction)
}
