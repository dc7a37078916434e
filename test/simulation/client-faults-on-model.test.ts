import { describe, expect, test } from 'vitest'
import type { KafkaError } from '../../ports/kafka-error.ts'
import { LosingNetwork } from './losing-network.ts'
import { ModelRun } from './model-run.ts'

/** A transactional producer that has begun, and the network it is on. */
async function producing(run: ModelRun, transactionalId = 'application-1', transactionTimeoutMs = 60_000) {
  const network = new LosingNetwork()
  const producer = run.client(transactionalId, network).transactionalProducer({ transactionalId, transactionTimeoutMs })
  await run.until(producer.initialise())
  return { network, producer }
}

describe.each([2, 1] as const)('transactions V%i of the client on a model that fails', (transactionVersion) => {
  test.each(['request', 'answer'] as const)('a lost %s of Produce: the records are in the log once', async (what) => {
    const run = new ModelRun({ transactionVersion })
    run.cluster.createTopic({ name: 'output', partitions: 1 })
    const { network, producer } = await producing(run)
    network.loseNext('Produce', what)
    expect(await run.until(producer.produce([run.batch('output', 0, ['a', 'b'])]))).toEqual([0])
    await run.until(producer.end('commit'))
    await run.clock.advance(100)
    expect(committed(run, 'output')).toEqual(['a', 'b'])
    expect(network.sent.filter((api) => api === 'Produce')).toHaveLength(2)
  })

  test.each(['request', 'answer'] as const)('a lost %s of EndTxn: the outcome is found out by asking again', async (what) => {
    const run = new ModelRun({ transactionVersion })
    run.cluster.createTopic({ name: 'output', partitions: 1 })
    const { network, producer } = await producing(run)
    for (const [value, outcome] of [['kept', 'commit'] as const, ['lost', 'abort'] as const, ['kept too', 'commit'] as const]) {
      await run.until(producer.produce([run.batch('output', 0, [value])]))
      network.loseNext('EndTxn', what)
      await run.until(producer.end(outcome))
    }
    await run.clock.advance(100)
    expect(committed(run, 'output')).toEqual(['kept', 'kept too'])
  })

  test('a lost answer to TxnOffsetCommit: it may come late, so the transaction is aborted, and the offset committed in the next one', async () => {
    const run = new ModelRun({ transactionVersion })
    run.cluster.createTopic({ name: 'input', partitions: 1 })
    const { network, producer } = await producing(run)
    network.loseNext('TxnOffsetCommit', 'answer')
    const nobody = { groupId: 'group', generationId: -1, memberId: '', groupInstanceId: undefined }
    const commit = () => run.until(producer.commitOffsets([{ topic: 'input', partition: 0, offset: 7, leaderEpoch: -1, metadata: '' }], nobody))
    await expect(commit()).rejects.toMatchObject({ scope: 'abort' })
    await run.until(producer.end('abort'))
    await commit()
    await run.until(producer.end('commit'))
    await run.clock.advance(100)
    expect(run.cluster.committedOffsets('group').get('input-0')?.offset).toBe(7)
  })

  test('the leader dies: another one takes over, and what was acknowledged is there once', async () => {
    const run = new ModelRun({ transactionVersion })
    run.cluster.createTopic({ name: 'output', partitions: 1 })
    const { producer } = await producing(run)
    await run.until(producer.produce([run.batch('output', 0, ['before'])]))
    const leader = run.cluster.leaderOf('output', 0) ?? 0
    const underWay = producer.produce([run.batch('output', 0, ['under way'])])
    run.cluster.crash(leader)
    await run.until(underWay)
    expect(run.cluster.leaderOf('output', 0)).not.toBe(leader)
    await run.until(producer.end('commit'))
    run.cluster.restart(leader)
    await run.clock.advance(1_000)
    expect(committed(run, 'output')).toEqual(['before', 'under way'])
    expect(run.cluster.log('output', 0).leaderEpoch).toBeGreaterThan(0)
  })

  test('the transaction coordinator moves or dies while the end is under way: one outcome, in all partitions', async () => {
    for (const fault of ['move', 'crash'] as const) {
      for (let seed = 1; seed <= 6; seed++) {
        const run = new ModelRun({ seed, transactionVersion })
        run.cluster.createTopic({ name: 'output', partitions: 3 })
        const { producer } = await producing(run)
        await run.until(producer.produce([0, 1, 2].map((partition) => run.batch('output', partition, ['x']))))
        const ended = producer.end('commit')
        await run.clock.advance(seed / 3)
        if (fault === 'move') run.cluster.moveCoordinator('transaction', 'application-1')
        else run.cluster.crash(run.cluster.coordinatorOf('transaction', 'application-1') ?? 0)
        await run.until(ended)
        await run.clock.advance(5_000)
        expect([0, 1, 2].map((partition) => committed(run, 'output', partition))).toEqual([['x'], ['x'], ['x']])
        expect(run.cluster.openTransactions()).toEqual([])
        await run.end()
      }
    }
  })

  test('too few replicas: producing waits until they are back', async () => {
    const run = new ModelRun({ transactionVersion })
    run.cluster.createTopic({ name: 'output', partitions: 1 })
    const { producer } = await producing(run)
    run.cluster.setUnderReplicated('output', 0, true)
    let isDone = false
    const done = producer.produce([run.batch('output', 0, ['a'])]).then(() => {
      isDone = true
    })
    await run.clock.advance(10_000)
    expect(isDone).toBe(false)
    run.cluster.setUnderReplicated('output', 0, false)
    await run.until(done)
    await run.until(producer.end('commit'))
    await run.clock.advance(100)
    expect(committed(run, 'output')).toEqual(['a'])
  })

  test('a second producer of the same id fences the first, and what that left open is aborted', async () => {
    const run = new ModelRun({ transactionVersion })
    run.cluster.createTopic({ name: 'output', partitions: 1 })
    const { producer: old } = await producing(run)
    await run.until(old.produce([run.batch('output', 0, ['lost'])]))
    const { producer: anew } = await producing(run)
    await expect(run.until(old.produce([run.batch('output', 0, ['late'])]))).rejects.toMatchObject({ scope: 'fenced' } satisfies Partial<KafkaError>)
    await expect(run.until(old.end('commit'))).rejects.toThrow()
    await run.until(anew.produce([run.batch('output', 0, ['kept'])]))
    await run.until(anew.end('commit'))
    await run.clock.advance(100)
    expect(committed(run, 'output')).toEqual(['kept'])
  })

  test('a producer that sleeps past its transaction time-out commits nothing', async () => {
    const run = new ModelRun({ transactionVersion })
    run.cluster.createTopic({ name: 'output', partitions: 1 })
    const { producer } = await producing(run, 'slow', 5_000)
    await run.until(producer.produce([run.batch('output', 0, ['lost'])]))
    await run.clock.advance(30_000)
    expect(run.cluster.openTransactions()).toEqual([])
    await expect(run.until(producer.end('commit'))).rejects.toMatchObject({ code: transactionVersion === 1 ? 90 : 48 })
    await run.until(producer.initialise())
    await run.until(producer.produce([run.batch('output', 0, ['kept'])]))
    await run.until(producer.end('commit'))
    await run.clock.advance(100)
    expect(committed(run, 'output')).toEqual(['kept'])
  })

  test('nodes come and go, coordinators and leaders move: what was committed is there once, in order, and nothing else', { timeout: 120_000 }, async () => {
    // 304: the coordinator moved at the moment at which the end was written; 322: a request of an older epoch came late
    for (const seed of [1, 2, 304, 322]) expect(await storm(seed, transactionVersion), `seed ${seed}`).toMatchObject({ found: expect.anything(), open: [] })
  })

  test('the same seed, the same run', async () => {
    expect(await storm(3, transactionVersion)).toEqual(await storm(3, transactionVersion))
  })
})

describe('members of a group on a model that fails', () => {
  test('a member that is cut off is thrown out after its session, and learns it by itself', async () => {
    const run = new ModelRun()
    const network = new LosingNetwork()
    const [a, b] = [run.member('a'), run.member('b', network)]
    a.member.start()
    b.member.start()
    await run.clock.advance(3_000)
    expect([a.assignment, b.assignment]).toEqual(['a b', 'a b'])
    network.isCut = true
    await run.clock.advance(7_000)
    expect(b.losses).toHaveLength(1)
    expect(b.member.generation).toBeUndefined()
    await run.clock.advance(12_000)
    expect(a.assignment).toBe('a')
    network.isCut = false
    await run.clock.advance(15_000)
    expect([a.assignment, b.assignment]).toEqual(['a b', 'a b'])
    await run.end()
  })

  test('a static member that comes back in time is given what it had, and nobody else notices', async () => {
    const run = new ModelRun()
    const [a, b] = [run.member('a'), run.member('b')]
    a.member.start()
    b.member.start()
    await run.clock.advance(3_000)
    const before = a.member.generation
    await b.member.close()
    const again = run.member('b')
    again.member.start()
    await run.clock.advance(500)
    expect(again.assignment).toBe('a b')
    expect(again.member.generation?.generationId).toBe(before?.generationId)
    expect(a.member.generation).toBe(before)
    await run.end()
  })

  test.each(['move', 'crash'] as const)('the group coordinator: %s. The members stay in their generation', async (fault) => {
    const run = new ModelRun()
    const [a, b] = [run.member('a'), run.member('b')]
    a.member.start()
    b.member.start()
    await run.clock.advance(3_000)
    const before = a.member.generation
    if (fault === 'move') run.cluster.moveCoordinator('group', 'group')
    else run.cluster.crash(run.cluster.coordinatorOf('group', 'group') ?? 0, { isClean: true })
    await run.clock.advance(20_000)
    expect(a.member.generation).toBe(before)
    expect([a.losses, b.losses]).toEqual([[], []])
    await run.end()
  })

  test('a twin is found out', async () => {
    const run = new ModelRun()
    const [one, two] = [run.member('a'), run.member('a')]
    one.member.start()
    await run.clock.advance(3_000)
    two.member.start()
    await run.clock.advance(20_000)
    expect([one.member.state, two.member.state].sort()).toEqual(['failed', 'stable'])
    await run.end()
  })
})

function committed(run: ModelRun, topic: string, partition = 0): string[] {
  return run.cluster.log(topic, partition).committed().map(({ value }) => String(value))
}

/** A producer commits numbers while the cluster is shaken. */
async function storm(seed: number, transactionVersion: 1 | 2): Promise<{ found: string[][]; open: unknown[]; sent: string }> {
  const run = new ModelRun({ seed, nodes: 3, transactionVersion, timing: { failoverMs: 1_000 } })
  run.cluster.createTopic({ name: 'output', partitions: 3 })
  const { network, producer } = await producing(run, 'application', 60_000)
  network.lossRate = 0.05
  const expected: string[][] = [[], [], []]
  let isDone = false
  const work = async () => {
    for (let i = 0; i < 100; i++) {
      const partitions = [i % 3, (i + 1) % 3]
      const outcome = i % 4 === 3 ? 'abort' : 'commit'
      await producer.produce(partitions.map((partition) => run.batch('output', partition, [`${i}`])))
      await producer.end(outcome)
      if (outcome === 'commit') for (const partition of partitions) expected[partition]?.push(`${i}`)
    }
    isDone = true
  }
  const working = work()
  for (let step = 0; !isDone; step++) {
    if (step > 5_000) throw new Error(`seed ${seed}: no end after ${run.clock.monotonicMs()} ms`)
    shake(run, step + seed)
    await run.clock.advance(7)
    await Promise.race([working, run.clock.settle()])
  }
  await working
  network.lossRate = 0
  run.cluster.heal()
  await run.clock.advance(5_000)
  const found = [0, 1, 2].map((partition) => committed(run, 'output', partition))
  expect(found, `seed ${seed}`).toEqual(expected)
  return { found, open: run.cluster.openTransactions(), sent: network.sent.join(' ') }
}

function shake({ cluster }: ModelRun, step: number): void {
  if (step % 150 === 20) cluster.crash(1 + (step % 3), { isClean: step % 300 === 20 })
  if (step % 150 === 110) for (const down of cluster.nodes) cluster.restart(down)
  if (step % 83 === 0) cluster.moveLeader('output', step % 3)
  if (step % 67 === 0) cluster.moveCoordinator('transaction', 'application')
}
