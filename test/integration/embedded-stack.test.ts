import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Kafka, logLevel } from 'kafkajs'
import { MongoClient } from 'mongodb'
import { Client } from 'pg'
import { afterAll, expect, test } from 'vitest'
import { root } from '../../dev/bootstrap/cache.js'
import { findProcess } from '../../dev/stack/process-table.ts'
import { type EmbeddedStack, startStack } from '../../dev/stack.ts'

const dataDir = mkdtempSync(join(tmpdir(), 'tradewind-stack-'))
afterAll(() => rmSync(dataDir, { recursive: true }))

test('data outlives a killed owner and a change of ports, and nothing of the stack outlives its owner', { timeout: 900_000 }, async () => {
  const addresses = await killOwnerOf(dataDir, async (stack) => {
    await store(stack)
    await expect(startStack({ dataDir, onProgress: () => undefined })).rejects.toThrow('Another embedded stack runs on')
  })

  // the ports of the run before are taken by now, as far as the next one can see
  for (const file of readdirSync(join(dataDir, 'run'))) if (file.endsWith('.ports')) writeFileSync(join(dataDir, 'run', file), '')
  const stack = await startStack({ dataDir, onProgress: () => undefined })
  expect(stack).not.toMatchObject(addresses)
  expect(await stored(stack)).toEqual({ kafka: 1, postgres: 1, mongo: 1 })

  const killed = [stack.services.postgres, stack.services.mongo, stack.services.kafka?.nodes[0]].map(async (service) => {
    await service?.stop('kill')
    await service?.start()
  })
  await Promise.all(killed)
  expect(await stored(stack)).toEqual({ kafka: 1, postgres: 1, mongo: 1 })
  const { pids } = stack
  await stack.stop()
  expect(pids.filter((pid) => findProcess(pid))).toEqual([])
})

type Addresses = Pick<EmbeddedStack, 'brokers' | 'postgres' | 'mongo'>

/** Starts a stack in a process of its own, kills that process, and waits for the servers to end. */
async function killOwnerOf(folder: string, use: (stack: Addresses) => Promise<void>): Promise<Addresses> {
  const program = `import { startStack } from ${JSON.stringify(join(root, 'dev/stack.ts'))}
    const { brokers, postgres, mongo } = await startStack({ dataDir: ${JSON.stringify(folder)} })
    console.log(JSON.stringify({ brokers, postgres, mongo }))
    setInterval(() => undefined, 1000)`
  const owner = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = await once(owner.stdout, 'data')
  // our own program wrote it
  const addresses = JSON.parse(String(line)) as Addresses
  const pidFiles = readdirSync(join(folder, 'run')).filter((name) => name.endsWith('.pid'))
  const pids = pidFiles.map((name) => Number.parseInt(readFileSync(join(folder, 'run', name), 'utf8'), 10))
  expect(pids.filter((pid) => findProcess(pid))).toHaveLength(3)
  await use(addresses)
  owner.kill('SIGKILL')
  while (pids.some((pid) => findProcess(pid))) await delay(20)
  return addresses
}

async function store({ brokers, postgres, mongo }: Addresses): Promise<void> {
  await withClients({ brokers, postgres, mongo }, async ({ admin, sql, documents }) => {
    await admin.createTopics({ topics: [{ topic: 'kept', numPartitions: 1 }], waitForLeaders: true })
    await sql.query('CREATE TABLE kept AS SELECT 1')
    await documents.db('test').collection('kept').insertOne({})
  })
}

async function stored(addresses: Addresses): Promise<{ kafka: number; postgres: number | null; mongo: number }> {
  return withClients(addresses, async ({ admin, sql, documents }) => ({
    kafka: (await admin.listTopics()).filter((name) => name === 'kept').length,
    postgres: (await sql.query('SELECT * FROM kept')).rowCount,
    mongo: await documents.db('test').collection('kept').countDocuments(),
  }))
}

type Admin = ReturnType<Kafka['admin']>

async function withClients<T>({ brokers, postgres, mongo }: Addresses, use: (clients: { admin: Admin; sql: Client; documents: MongoClient }) => Promise<T>): Promise<T> {
  const admin = new Kafka({ brokers: brokers.split(','), logLevel: logLevel.NOTHING }).admin()
  const sql = new Client(postgres)
  const documents = new MongoClient(mongo)
  await Promise.all([admin.connect(), sql.connect(), documents.connect()])
  try {
    return await use({ admin, sql, documents })
  } finally {
    await Promise.all([admin.disconnect(), sql.end(), documents.close()])
  }
}
