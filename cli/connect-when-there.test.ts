import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { BSON, MongoClient } from 'mongodb'
import { expect, onTestFinished, test } from 'vitest'
import { VirtualClock } from '../test/support/virtual-clock.ts'
import { connectWhenThere } from './connect-when-there.ts'

/** Of a database that is there from the `nth` attempt on. */
function clientUntil(nth: number) {
  const client = {
    attempts: 0,
    async connect() {
      if (++client.attempts < nth) throw new Error('connect ECONNREFUSED')
    },
  }
  return client
}

test('a client is connected as soon as the database is there, and then left alone', async () => {
  const clock = new VirtualClock()
  const client = clientUntil(4)
  const connected = connectWhenThere(client, clock, new AbortController().signal)
  await clock.advance(10_000)
  await connected
  expect(client.attempts).toBe(4)
})

test('whoever ends meanwhile does not wait for it', async () => {
  const clock = new VirtualClock()
  const client = clientUntil(1_000)
  const ending = new AbortController()
  const connected = connectWhenThere(client, clock, ending.signal)
  await clock.advance(3_500)
  ending.abort()
  await connected
  await clock.advance(10_000)
  expect(client.attempts).toBe(4)
})

test('MongoDB that was away when it was called first is read once it is there', async () => {
  const port = await freePort()
  const client = new MongoClient(`mongodb://127.0.0.1:${port}/x`, { serverSelectionTimeoutMS: 100, serverApi: '1' })
  const ending = new AbortController()
  onTestFinished(() => {
    ending.abort()
    return client.close()
  })
  const call = () => client.db().collection('x').findOne()
  await expect(call()).rejects.toThrow('ECONNREFUSED')
  await listening(createServer(answerAsMongo), port)
  await expect(call()).rejects.toThrow('Topology is closed')
  await connectWhenThere(client, new VirtualClock(), ending.signal)
  expect(await call()).toBeNull()
})

async function freePort(): Promise<number> {
  const server = createServer()
  const port = await listening(server, 0)
  await new Promise((resolve) => server.close(resolve))
  return port
}

async function listening(server: Server, port: number): Promise<number> {
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return (server.address() as AddressInfo).port // it listens on TCP
}

const FLAGS_AND_KIND = 5
const OP_MSG = 2013
const ANSWER = { ok: 1, isWritablePrimary: true, minWireVersion: 0, maxWireVersion: 25, cursor: { id: BSON.Long.ZERO, ns: 'x.x', firstBatch: [] } }

/** A server that has nothing: what it answers is greeting and empty result in one. */
function answerAsMongo(socket: Socket): void {
  let rest = Buffer.alloc(0)
  socket.on('error', () => {})
  socket.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk])
    while (rest.length >= 16 && rest.length >= rest.readInt32LE(0)) {
      const document = BSON.serialize(ANSWER)
      const head = Buffer.alloc(16 + FLAGS_AND_KIND)
      head.writeInt32LE(head.length + document.length, 0)
      head.writeInt32LE(rest.readInt32LE(4), 8)
      head.writeInt32LE(OP_MSG, 12)
      socket.write(Buffer.concat([head, document]))
      rest = rest.subarray(rest.readInt32LE(0))
    }
  })
}
