import { expect, test } from 'vitest'
import { StateDirectory, type StateDirectoryOptions } from './state-directory.ts'
import { StateDirectoryError, type StateDirectoryFault } from './state-directory-error.ts'
import { MemoryDisk } from './testing/memory-disk.ts'
import { numbersFrom } from './testing/state-store-contract.ts'

const PATH = '/data/state/trades'
let uuids = 0
const random = { next: () => 0, uuid: () => `00000000-0000-4000-8000-${String(++uuids).padStart(12, '0')}` }

function open(disk: MemoryDisk, options: Partial<StateDirectoryOptions> = {}): Promise<StateDirectory> {
  return StateDirectory.open({
    disk,
    random,
    dataDirectory: '/data',
    applicationId: 'trades',
    clusterId: 'cluster-1',
    stores: new Map([['trade-state', 'format 1']]),
    ...options,
  })
}

async function made(disk: MemoryDisk): Promise<string> {
  const directory = await open(disk)
  await directory.close()
  return directory.processId
}

async function refusal(opening: Promise<StateDirectory>): Promise<{ fault: StateDirectoryFault; message: string }> {
  const error = await opening.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (!(error instanceof StateDirectoryError)) throw new Error(`expected a StateDirectoryError, found ${String(error)}`)
  return { fault: error.fault, message: error.message }
}

test('a restart is the same process, with the ids that were recorded', async () => {
  const disk = new MemoryDisk()
  const first = await open(disk)
  expect(first.isNew).toBe(true)
  await Promise.all([first.recordInstanceId('i-1'), first.recordInstanceId('i-2'), first.recordTransactionalId('t-a'), first.recordTransactionalId('t-a')])
  await first.forgetInstanceId('i-1')
  await first.close()
  const again = await open(disk)
  expect([again.processId, again.isNew, again.instanceIds, again.transactionalIds]).toEqual([first.processId, false, ['i-2'], ['t-a']])
})

test('only one at a time, in one process too; after closing the next one may', async () => {
  const disk = new MemoryDisk()
  const first = await open(disk)
  expect((await refusal(open(disk))).fault).toBe('locked')
  await first.close()
  await (await open(disk)).close()
})

test('a refusal releases the lock and changes nothing', async () => {
  const disk = new MemoryDisk()
  const processId = await made(disk)
  const before = disk.files()
  const { fault, message } = await refusal(open(disk, { clusterId: 'cluster-2' }))
  expect(fault).toBe('foreign')
  expect(message).toBe(
    'the state in /data/state/trades was built from Kafka cluster cluster-1, the brokers that were reached are cluster cluster-2. Correct the broker addresses, or use another data directory for this cluster',
  )
  expect(disk.files()).toEqual(before)
  expect((await open(disk)).processId).toBe(processId)
})

test('the state of another application is refused', async () => {
  const disk = new MemoryDisk()
  await made(disk)
  await disk.rename(`${PATH}/identity.json`, '/data/state/orders/identity.json')
  expect(await refusal(open(disk, { applicationId: 'orders' }))).toMatchObject({
    fault: 'foreign',
    message: expect.stringContaining('belongs to application trades, expected orders'),
  })
})

test('a copy is refused, until somebody adopts it', async () => {
  const disk = new MemoryDisk()
  const processId = await made(disk)
  disk.put(`${PATH}/identity.json`, disk.files().get(`${PATH}/identity.json`) ?? Buffer.alloc(0))
  const { fault, message } = await refusal(open(disk))
  expect(fault).toBe('copied')
  expect(message).toContain('start once with the option to adopt the directory')
  const adopted = await open(disk, { adopt: true })
  expect(adopted.processId).toBe(processId)
  await adopted.close()
  expect((await open(disk)).processId).toBe(processId)
})

test('adopting is for copies: a foreign directory stays refused', async () => {
  const disk = new MemoryDisk()
  await made(disk)
  expect((await refusal(open(disk, { adopt: true, clusterId: 'cluster-2' }))).fault).toBe('foreign')
})

test('a later format is refused, whatever else it holds', async () => {
  const disk = new MemoryDisk()
  disk.put(`${PATH}/identity.json`, Buffer.from('{"format":2,"owner":"x"}'))
  expect(await refusal(open(disk))).toMatchObject({ fault: 'newer', message: expect.stringContaining('has format 2, this version knows formats up to 1') })
})

test.each(['', '{', '[]', '{"format":1}', '{"format":1,"clusterId":7}'])('an identity that cannot be read (%s) is refused', async (content) => {
  const disk = new MemoryDisk()
  disk.put(`${PATH}/identity.json`, Buffer.from(content))
  expect((await refusal(open(disk))).fault).toBe('damaged')
})

test('records that cannot be read are refused', async () => {
  const disk = new MemoryDisk()
  await made(disk)
  disk.put(`${PATH}/records.json`, Buffer.from('{'))
  expect((await refusal(open(disk))).fault).toBe('damaged')
})

test('state without an identity is refused', async () => {
  const disk = new MemoryDisk()
  disk.put(`${PATH}/stores/trade-state/0/segments`, Buffer.from('x'))
  expect(await refusal(open(disk))).toMatchObject({ fault: 'foreign', message: expect.stringContaining('trade-state') })
})

test('a store that is described differently is refused; new ones come, old ones stay', async () => {
  const disk = new MemoryDisk()
  await made(disk)
  await (await open(disk, { stores: new Map([['other', 'format 1']]) })).close()
  expect((await refusal(open(disk, { stores: new Map([['trade-state', 'format 2']]) }))).message).toContain(
    'was written as "format 1", the topology now describes it as "format 2"',
  )
  await (
    await open(disk, {
      stores: new Map([
        ['trade-state', 'format 1'],
        ['other', 'format 1'],
      ]),
    })
  ).close()
})

test('a fact is recorded once', async () => {
  const disk = new MemoryDisk()
  const first = await open(disk)
  expect(first.fact('partitions of trades')).toBeUndefined()
  await first.recordOnce('partitions of trades', '12')
  await first.recordOnce('partitions of trades', '12')
  await first.close()
  const again = await open(disk)
  expect(again.fact('partitions of trades')).toBe('12')
  await expect(again.recordOnce('partitions of trades', '24')).rejects.toThrow(
    'partitions of trades is 24, but the state in /data/state/trades was built with 12',
  )
})

test('names that could leave the directory are refused', async () => {
  const disk = new MemoryDisk()
  for (const applicationId of ['', '..', 'a/b', 'a b', 'x'.repeat(201)]) expect((await refusal(open(disk, { applicationId }))).fault).toBe('name')
  const directory = await open(disk)
  expect(() => directory.storePath('../x', 0)).toThrow(StateDirectoryError)
  expect(disk.operations.filter(({ path }) => !path.startsWith(PATH))).toEqual([])
})

test('stores have places, and those that are there are found', async () => {
  const disk = new MemoryDisk()
  const directory = await open(disk)
  expect(directory.storePath('trade-state', 11)).toBe('/data/state/trades/stores/trade-state/11')
  for (const partition of [11, 2]) disk.put(`${directory.storePath('trade-state', partition)}/segments`, Buffer.alloc(1))
  expect(await directory.storedPartitions('trade-state')).toEqual([2, 11])
})

test('a crash at any step of creation leaves a directory that opens', async () => {
  const undisturbed = new MemoryDisk()
  await made(undisturbed)
  for (let step = 0; step < undisturbed.operations.length; step++) {
    for (const fault of ['crash-before', 'crash-torn', 'crash-after'] as const) {
      const disk = new MemoryDisk()
      disk.failAt(step, fault)
      await expect(open(disk)).rejects.toThrow()
      const random = numbersFrom(step)
      for (const after of [disk.restarted(), disk.powerCut(random), disk.powerCut(random)]) await (await open(after)).close()
    }
  }
})
