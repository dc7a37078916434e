import { afterEach, expect, test } from 'vitest'
import { ConnectionLostError } from '../ports/broker.ts'
import { systemClock } from '../ports/system-clock.ts'
import { type Ranges, responseBody, UNUSED_PORT, type WireRequest, WireServer } from '../test/support/wire-server.ts'
import { WireBroker } from './wire-broker.ts'

const RANGES: Ranges = { 0: [0, 12], 1: [4, 17], 3: [0, 13], 10: [0, 6], 11: [0, 9], 12: [0, 4], 14: [0, 5], 19: [2, 7], 26: [0, 5], 28: [0, 5] }
const [FETCH, METADATA, FIND_COORDINATOR, JOIN, HEARTBEAT, CREATE_TOPICS] = [1, 3, 10, 11, 12, 19]

const UNUSED_ADDRESS = `127.0.0.1:${UNUSED_PORT}`

const opened: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one.close()
})

async function listen(): Promise<WireServer> {
  const server = await WireServer.listen({ ranges: RANGES })
  opened.push(server)
  return server
}

function brokerAt(...bootstrap: string[]): WireBroker {
  const broker = new WireBroker({ bootstrap, clientId: 'test', clock: systemClock })
  opened.push(broker)
  return broker
}

/** Metadata of a cluster whose nodes, 1 and on, are these servers. */
function metadata(...servers: WireServer[]): Buffer {
  return responseBody((writer) => {
    writer.int32(0)
    writer.array(servers, ({ port }) => {
      writer.int32(servers.findIndex((server) => server.port === port) + 1)
      writer.string('127.0.0.1')
      writer.int32(port)
      writer.nullableString(undefined)
      writer.noTags()
    })
    writer.string('cluster')
    writer.int32(servers.length)
    writer.array([], () => {})
    writer.noTags()
  })
}

const heartbeatOf = (broker: WireBroker, node: number) => broker.heartbeat(node, { groupId: 'g', generationId: 1, memberId: 'm', groupInstanceId: undefined })
const succeeded = Buffer.from('00000000000000', 'hex')
const anyFetch = { maxWaitMs: 500, minBytes: 1, maxBytes: 1, readCommitted: true, partitions: [] }

test('a node is looked up before it is first asked, and asked where the cluster says', async () => {
  const [bootstrap, node] = [await listen(), await listen()]
  const broker = brokerAt(bootstrap.address)
  const answer = heartbeatOf(broker, 1)
  const lookup = await bootstrap.next()
  expect(lookup.apiKey).toBe(METADATA)
  lookup.answer(metadata(node))
  ;(await node.next()).answer(succeeded)
  expect(await answer).toEqual({ errorCode: 0 })
})

test('a node that the cluster does not have is a lost connection', async () => {
  const server = await listen()
  const answer = expect(heartbeatOf(brokerAt(server.address), 9)).rejects.toThrow('broker 9 is not in the cluster now (there are 1)')
  ;(await server.next()).answer(metadata(server))
  await answer
})

test('metadata comes from any broker: the ones that cannot be reached are passed over, the one that answered is asked again', async () => {
  const here = await listen()
  const broker = brokerAt(UNUSED_ADDRESS, here.address)
  const asked = broker.metadata([])
  ;(await here.next()).answer(metadata(here))
  expect((await asked).nodes).toEqual([{ node: 1, host: '127.0.0.1', port: here.port, rack: undefined }])
  const again = broker.metadata([])
  ;(await here.next()).answer(metadata(here))
  await again
  expect(here.sockets).toHaveLength(1)
})

test('when no broker answers, every address and reason is named', async () => {
  const asked = brokerAt(UNUSED_ADDRESS).metadata([])
  await expect(asked).rejects.toThrow(ConnectionLostError)
  await expect(asked).rejects.toThrow(/Metadata: no broker answers .*ECONNREFUSED.*Check that they run and that the addresses 127\.0\.0\.1:\d+ are theirs/)
})

test('a connection that ended is made anew, where the coordinator was found last', async () => {
  const [bootstrap, before, after] = [await listen(), await listen(), await listen()]
  const broker = brokerAt(bootstrap.address)
  const located = async (server: WireServer) => {
    const found = broker.findCoordinator('group', 'g')
    const request = await bootstrap.next()
    expect(request.apiKey).toBe(FIND_COORDINATOR)
    request.answer(
      responseBody((writer) => {
        writer.int32(0)
        writer.array(['g'], (key) => {
          writer.string(key)
          writer.int32(4)
          writer.string('127.0.0.1')
          writer.int32(server.port)
          writer.int16(0)
          writer.nullableString(undefined)
          writer.noTags()
        })
        writer.noTags()
      }),
    )
    expect(await found).toEqual({ errorCode: 0, node: 4 })
  }
  await located(before)
  const lost = expect(heartbeatOf(broker, 4)).rejects.toThrow(ConnectionLostError)
  ;(await before.next()).socket.destroy()
  await lost
  await located(after)
  const answer = heartbeatOf(broker, 4)
  ;(await after.next()).answer(succeeded)
  expect(await answer).toEqual({ errorCode: 0 })
})

test('a lane is one connection and keeps the order, also of requests that wait for it to open', async () => {
  const server = await listen()
  const broker = brokerAt(server.address)
  const produce = (lane: string, timeoutMs: number) => broker.produce(1, lane, { transactionalId: undefined, transactionsV2: true, timeoutMs, partitions: [] })
  const answers = [produce('a', 1), produce('a', 2), produce('b', 3), produce('a', 4)].map((answer) => answer.catch(() => {}))
  ;(await server.next()).answer(metadata(server))
  // each connection that is opened meanwhile looks the node up for itself
  const requests: WireRequest[] = []
  while (requests.length < 4) {
    const request = await server.next()
    if (request.apiKey === METADATA) request.answer(metadata(server))
    else requests.push(request)
  }
  const lanes = Map.groupBy(requests, ({ socket }) => socket)
  const timeouts = [...lanes.values()].map((lane) => lane.map(({ body }) => body.readInt32BE(3)))
  expect(timeouts.sort((one, other) => other.length - one.length)).toEqual([[1, 2, 4], [3]])
  await broker.close()
  await Promise.all(answers)
})

test('what the broker may hold has a connection to itself; one that is free again is used again', async () => {
  const server = await listen()
  const broker = brokerAt(server.address)
  const asked = broker.metadata([])
  ;(await server.next()).answer(metadata(server))
  await asked
  const join = (groupInstanceId: string) =>
    broker.joinGroup(1, {
      groupId: 'g',
      sessionTimeoutMs: 1,
      rebalanceTimeoutMs: 60_000,
      memberId: '',
      groupInstanceId,
      protocolType: 't',
      protocols: [],
      reason: '',
    })
  const held = [broker.fetch(1, anyFetch), broker.fetch(1, anyFetch), join('a'), join('b')].map((answer) => answer.catch(() => {}))
  const requests = [await server.next(), await server.next(), await server.next(), await server.next()]
  expect(requests.map(({ apiKey }) => apiKey).sort()).toEqual([FETCH, FETCH, JOIN, JOIN].sort())
  expect(new Set(requests.map(({ socket }) => socket)).size).toBe(4)
  const answer = heartbeatOf(broker, 1)
  const heartbeat = await server.next()
  expect(heartbeat.apiKey).toBe(HEARTBEAT)
  heartbeat.answer(succeeded)
  await answer

  const free = requests.find(({ apiKey }) => apiKey === FETCH)
  // no error, no session, no topics
  free?.answer(Buffer.from('0000000000000000000001' + '00', 'hex'))
  await Promise.race(held)
  const next = broker.fetch(1, anyFetch).catch(() => {})
  expect((await server.next()).socket).toBe(free?.socket)
  await broker.close()
  await Promise.all([...held, next])
})

test('topics are made by the controller', async () => {
  const [bootstrap, controller] = [await listen(), await listen()]
  const broker = brokerAt(bootstrap.address)
  const creating = broker.createTopics([{ name: 't', partitions: 1, replicationFactor: -1, configs: new Map() }])
  ;(await bootstrap.next()).answer(metadata(bootstrap, controller))
  const request = await controller.next()
  expect(request.apiKey).toBe(CREATE_TOPICS)
  request.answer(Buffer.from('000000000100', 'hex'))
  expect(await creating).toEqual([])
})

test.each(['localhost', ':9092', 'localhost:0', 'localhost:99999', 'localhost:kafka'])('%s is no address', (address) => {
  expect(() => brokerAt(address)).toThrow(`«${address}» is not the address of a broker`)
})

test('an IPv6 address keeps its colons', async () => {
  await expect(brokerAt('[::1]:1').metadata([])).rejects.toThrow('cannot connect to ::1:1')
})

test('a closed client asks nobody', async () => {
  const server = await listen()
  const broker = brokerAt(server.address)
  await broker.close()
  await expect(broker.metadata([])).rejects.toThrow('this client was closed')
  expect(server.sockets).toEqual([])
})
