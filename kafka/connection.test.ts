import { once } from 'node:events'
import { afterEach, expect, test } from 'vitest'
import { ConnectionLostError, UnsupportedVersionError } from '../ports/broker.ts'
import type { Clock } from '../ports/clock.ts'
import { KafkaError } from '../ports/kafka-error.ts'
import { systemClock } from '../ports/system-clock.ts'
import { VirtualClock } from '../test/support/virtual-clock.ts'
import { type Ranges, responseBody, UNUSED_PORT, WireServer } from '../test/support/wire-server.ts'
import { Connection, type ConnectionOptions } from './connection.ts'
import { heartbeatApi, leaveGroupApi } from './protocol/groups.ts'
import { produceApi } from './protocol/produce.ts'

const RANGES: Ranges = { 0: [0, 11], 12: [0, 4], 13: [0, 99] }
const HEARTBEAT = { groupId: 'g', generationId: 1, memberId: 'm', groupInstanceId: undefined }
const [HANDSHAKE, AUTHENTICATE, HEARTBEAT_KEY] = [17, 36, 12]

const opened: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one.close()
})

async function listen(options?: Parameters<typeof WireServer.listen>[0]): Promise<WireServer> {
  const server = await WireServer.listen(options)
  opened.push(server)
  return server
}

/** On time that stands still, unless a test says otherwise: however slow the machine, nothing times out. */
async function open(server: { port: number }, options: Partial<ConnectionOptions> = {}): Promise<Connection> {
  const connection = await Connection.open({
    host: '127.0.0.1',
    port: server.port,
    clientId: 'test',
    clock: new VirtualClock(),
    connectTimeoutMs: 60_000,
    requestTimeoutMs: 60_000,
    ...options,
  })
  opened.push(connection)
  return connection
}

const heartbeat = (connection: Connection) => connection.request(heartbeatApi, HEARTBEAT, 1_000)

function heartbeatAnswer(errorCode: number): Buffer {
  return responseBody((writer) => {
    writer.int32(0)
    writer.int16(errorCode)
    writer.noTags()
  })
}

test('a request carries the header, the highest version of both, and the client id; the answer is read with the same version', async () => {
  const server = await listen({ ranges: { ...RANGES, 13: [0, 4] } })
  const connection = await open(server)
  const answer = connection.request(leaveGroupApi, { groupId: 'g', members: [{ memberId: 'm', groupInstanceId: 'i' }] }, 1_000)
  const request = await server.next()
  expect(request).toMatchObject({ apiKey: 13, apiVersion: 4, clientId: 'test' })
  // group, one member: id, instance id, tags; tags. Version 5 would have a reason as well.
  expect(request.body.toString('latin1')).toBe('\x02g\x02\x02m\x02i\x00\x00')
  request.answer(
    responseBody((writer) => {
      writer.int32(0)
      writer.int16(0)
      writer.array([25, 0], (code) => {
        writer.string('m')
        writer.nullableString(undefined)
        writer.int16(code)
        writer.noTags()
      })
      writer.noTags()
    }),
  )
  expect(await answer).toEqual({ errorCode: 0, memberErrorCodes: [25, 0] })
})

test('requests are pipelined, and answers that come in pieces find theirs', async () => {
  const server = await listen({ ranges: RANGES })
  const connection = await open(server)
  const answers = [heartbeat(connection), heartbeat(connection), heartbeat(connection)]
  const requests = [await server.next(), await server.next(), await server.next()]
  expect(new Set(requests.map(({ correlationId }) => correlationId)).size).toBe(3)
  const [socket] = server.sockets
  socket?.setNoDelay(true)
  for (const [i, { correlationId }] of requests.entries()) {
    const frame = responseBody((writer) => {
      writer.int32(12)
      writer.int32(correlationId)
      writer.noTags()
      writer.int32(0)
      writer.int16(i)
      writer.noTags()
    })
    for (const byte of frame) socket?.write(Buffer.from([byte]))
  }
  expect(await Promise.all(answers)).toEqual([{ errorCode: 0 }, { errorCode: 1 }, { errorCode: 2 }])
})

test('a broker that does not speak our versions is named, with the release that is needed; nothing is sent', async () => {
  const server = await listen({ ranges: { 12: [0, 3] } })
  const connection = await open(server)
  await expect(heartbeat(connection)).rejects.toThrow(UnsupportedVersionError)
  await expect(heartbeat(connection)).rejects.toThrow(
    `Heartbeat: ${server.address} offers versions 0 to 3, versions 4 to 4 are spoken here. Kafka 2.4 or later is needed.`,
  )
  await expect(connection.request(produceApi, { transactionalId: undefined, transactionsV2: true, timeoutMs: 1, partitions: [] }, 1_000)).rejects.toThrow(
    'does not offer it',
  )
  expect(server.unread).toBe(0)
})

test('records are sent as they lie, in parts', async () => {
  const server = await listen({ ranges: RANGES })
  const connection = await open(server)
  const records = [Buffer.alloc(100_000, 'a'), Buffer.from('b'), Buffer.alloc(70_000, 'c')]
  const partitions = [
    { topic: 't', partition: 1, records },
    { topic: 't', partition: 2, records: [Buffer.from('d')] },
  ]
  connection.request(produceApi, { transactionalId: undefined, transactionsV2: true, timeoutMs: 7, partitions }, 1_000).catch(() => {})
  const { body } = await server.next()
  const expected = responseBody((writer) => {
    writer.nullableString(undefined)
    writer.int16(-1)
    writer.int32(7)
    writer.array([partitions], () => {
      writer.string('t')
      writer.array(partitions, ({ partition, records: parts }) => {
        writer.int32(partition)
        writer.bytes(Buffer.concat(parts))
        writer.noTags()
      })
      writer.noTags()
    })
    writer.noTags()
  })
  expect(body.equals(expected)).toBe(true)
})

test('a request without an answer in time ends the connection, and all requests with it', async () => {
  const server = await listen({ ranges: RANGES })
  const clock = new VirtualClock()
  const connection = await open(server, { clock })
  const first = expect(connection.request(heartbeatApi, HEARTBEAT, 30_000)).rejects.toThrow('ended: no answer to Heartbeat within 1000 ms')
  const second = expect(heartbeat(connection)).rejects.toThrow(ConnectionLostError)
  const [socket] = server.sockets
  const closed = socket && once(socket, 'close')
  await server.next()
  await clock.advance(1_000)
  await Promise.all([first, second, closed])
  expect(connection.ended).toBe(true)
  await expect(heartbeat(connection)).rejects.toThrow(ConnectionLostError)
})

test('an answer that came while the process was stopped counts, though its time was up', async () => {
  const server = await listen({ ranges: RANGES })
  let timeIsUp = () => {}
  const socketsWereRead = Promise.withResolvers<void>()
  const after: Clock['after'] = (_, callback) => {
    timeIsUp = callback
    return { cancel: () => {} }
  }
  const connection = await open(server, { clock: { ...systemClock, after, turn: () => socketsWereRead.promise } })
  const answer = heartbeat(connection)
  // timers come before sockets when a process goes on
  timeIsUp()
  ;(await server.next()).answer(heartbeatAnswer(27))
  expect(await answer).toEqual({ errorCode: 27 })
  socketsWereRead.resolve()
  await socketsWereRead.promise
  const next = heartbeat(connection)
  ;(await server.next()).answer(heartbeatAnswer(0))
  expect(await next).toEqual({ errorCode: 0 })
})

test.each([
  ['is cut', Buffer.from('000000000000', 'hex'), 'bytes wanted at byte'],
  ['is longer', Buffer.from('0000000000000000', 'hex'), '1 bytes are left over'],
])('an answer that %s ends the connection', async (_, body, message) => {
  const server = await listen({ ranges: RANGES })
  const connection = await open(server)
  const answers = [heartbeat(connection), heartbeat(connection)].map((answer) => expect(answer).rejects.toThrow(message))
  ;(await server.next()).answer(body)
  await Promise.all(answers)
  expect(connection.ended).toBe(true)
})

test('an answer to nothing ends the connection', async () => {
  const server = await listen({ ranges: RANGES })
  const connection = await open(server)
  const answer = expect(heartbeat(connection)).rejects.toThrow('a request that was not sent')
  const { socket } = await server.next()
  socket.write(Buffer.from('0000000a7fffffff000000000000', 'hex'))
  await answer
})

test('a broker that closes at the first request may want TLS or SASL', async () => {
  const server = await listen({ ranges: RANGES })
  const connection = await open(server)
  const answer = expect(heartbeat(connection)).rejects.toThrow('does it want TLS or SASL?')
  ;(await server.next()).socket.end()
  await answer
  await connection.closed
})

test.each([
  ['a TLS port', Buffer.from('15030300020246', 'hex'), 'the broker answers in TLS'],
  ['another protocol', Buffer.from('HTTP/1.1 400 Bad Request\r\n'), 'is this the port of a Kafka broker?'],
])('%s is recognised', async (_, greeting, message) => {
  const server = await listen({ connected: (socket) => socket.once('data', () => socket.write(greeting)) })
  const opening = open(server)
  await expect(opening).rejects.toThrow(message)
  await expect(opening).rejects.toBeInstanceOf(ConnectionLostError)
})

test('where nobody listens, the reason is said', async () => {
  await expect(open({ port: UNUSED_PORT })).rejects.toThrow(new RegExp(`^cannot connect to 127.0.0.1:${UNUSED_PORT}: .*ECONNREFUSED`))
})

test('close ends what is under way and waits for the socket', async () => {
  const server = await listen({ ranges: RANGES })
  const connection = await open(server)
  const answer = expect(heartbeat(connection)).rejects.toThrow('it was closed here')
  await server.next()
  await connection.close()
  await answer
})

const SASL = { mechanism: 'PLAIN', username: 'user', password: 'secret' } as const

/** Answers the library's SASL exchange: `lifetimeMs` undefined refuses. */
async function authenticate(server: WireServer, lifetimeMs: number | undefined): Promise<void> {
  const handshake = await server.next()
  expect(handshake.apiKey).toBe(HANDSHAKE)
  handshake.answer(Buffer.from('0000000000010005504c41494e', 'hex'))
  const credentials = await server.next()
  expect(credentials.apiKey).toBe(AUTHENTICATE)
  expect(credentials.body.toString()).toContain('user\0secret')
  credentials.answer(
    responseBody((writer) => {
      writer.int16(lifetimeMs === undefined ? 58 : 0)
      writer.nullableString(lifetimeMs === undefined ? 'no such user' : undefined)
      writer.bytes(Buffer.alloc(0))
      writer.int64(lifetimeMs ?? 0)
      writer.noTags()
    }),
  )
}

const SASL_RANGES = { ...RANGES, [HANDSHAKE]: [0, 1], [AUTHENTICATE]: [0, 2] } satisfies Ranges

test('refused credentials are fatal', async () => {
  const server = await listen({ ranges: SASL_RANGES })
  const opening = open(server, { sasl: SASL })
  const refused = expect(opening).rejects.toMatchObject({
    errorName: 'SASL_AUTHENTICATION_FAILED',
    scope: 'fatal',
    message: expect.stringContaining(server.address),
  })
  await authenticate(server, undefined)
  await refused
  await expect(opening).rejects.toBeInstanceOf(KafkaError)
})

test('a broker that goes away while it is asked for credentials is not a refusal', async () => {
  const server = await listen({ ranges: SASL_RANGES })
  const opening = expect(open(server, { sasl: SASL })).rejects.toBeInstanceOf(ConnectionLostError)
  ;(await server.next()).socket.destroy()
  await opening
})

test('while the library authenticates again, requests wait', async () => {
  const server = await listen({ ranges: SASL_RANGES })
  const opening = open(server, { sasl: SASL })
  // the library comes again after 80 % of it
  await authenticate(server, 100)
  const connection = await opening
  const again = await server.next()
  expect(again.apiKey).toBe(HANDSHAKE)
  const answer = heartbeat(connection)
  again.answer(Buffer.from('0000000000010005504c41494e', 'hex'))
  const credentials = await server.next()
  // the heartbeat was asked for before, and has not overtaken
  expect(credentials.apiKey).toBe(AUTHENTICATE)
  credentials.answer(Buffer.from('00000001000000000000000000', 'hex'))
  const held = await server.next()
  expect(held.apiKey).toBe(HEARTBEAT_KEY)
  held.answer(heartbeatAnswer(27))
  expect(await answer).toEqual({ errorCode: 27 })
})
