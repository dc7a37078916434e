import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { once } from 'node:events'
import { expect, onTestFinished, test } from 'vitest'
import { freePorts } from '../../dev/stack/free-ports.ts'
import { type AnswerTap, KafkaTap, TextTap } from './answer-taps.ts'
import { TcpProxy } from './tcp-proxy.ts'
import { until } from './until.ts'

test('passes on what comes, in both directions, and the end', async () => {
  const { client, received } = await throughProxy()
  const large = Buffer.alloc(3_000_000, 'x')
  client.write(large)
  await until('all of it is back', () => Buffer.concat(received).length === large.length)
  client.end()
  await closed(client)
})

test('slow: what is sent arrives later, in order', async () => {
  const { proxy, client, received } = await throughProxy()
  proxy.slow(40)
  const startMs = performance.now()
  client.write('first ')
  client.write('second')
  await until('it is back', () => Buffer.concat(received).toString() === 'first second')
  expect(performance.now() - startMs).toBeGreaterThanOrEqual(80)
})

test('stall: nothing gets through until it is healed, then all of it', async () => {
  const { proxy, client, serverSocket, served, received } = await throughProxy()
  proxy.stall()
  client.write('late')
  await until('the proxy has it', () => client.bytesWritten === 4)
  // another connection is as real as this one, and would have answered by now
  expect(await beside(serverSocket)).toBe('hello')
  expect(Buffer.concat(served).toString()).not.toContain('late')
  proxy.heal()
  await until('it is back', () => Buffer.concat(received).toString() === 'late')
})

test('cut: connections are reset; new ones work', async () => {
  const { proxy, client, failed } = await throughProxy()
  proxy.cut()
  await closed(client)
  expect(failed()).toBe('ECONNRESET')
  expect(await another(proxy)).toBe('connected')
})

test('refuse: connections are reset as soon as they are made, until it is healed', async () => {
  const { proxy, client } = await throughProxy()
  proxy.refuse()
  await closed(client)
  expect(await another(proxy)).toBe('ECONNRESET')
  proxy.heal()
  expect(await another(proxy)).toBe('connected')
})

test('half open: the server has lost the connection, the client learns of it when it is healed', async () => {
  const { proxy, client, serverSocket, served, failed } = await throughProxy()
  proxy.halfOpen()
  await closed(serverSocket)
  client.write('into the void')
  expect(await another(proxy)).toBe('connected')
  expect([failed(), Buffer.concat(served).toString()]).toEqual([undefined, 'hello'])
  proxy.heal()
  await closed(client)
  expect(failed()).toBe('ECONNRESET')
})

test('an answer is lost after the server has acted, and only that one', async () => {
  const { proxy, client, served, received } = await throughProxy()
  proxy.loseAnswerTo('INSERT')
  client.write('SELECT 1;')
  await until('another answer comes', () => Buffer.concat(received).toString() === 'SELECT 1;')
  client.write('INSERT 2;')
  await closed(client)
  expect(Buffer.concat(served).toString()).toBe('SELECT 1;INSERT 2;')
  expect([Buffer.concat(received).toString(), proxy.lost]).toEqual(['SELECT 1;', 1])
  expect(await another(proxy, 'INSERT 3;')).toBe('connected')
})

test('of requests that are under way together, the answer to the one that was named is lost, wherever the bytes are cut', () => {
  for (let cut = 1; cut < 60; cut++) {
    const tap = new KafkaTap()
    const requests = Buffer.concat([request(3, 71, 10), request(26, 72, 20), request(0, 73, 5)])
    const wanted = new Set(['EndTxn'])
    expect([tap.request(requests.subarray(0, cut), wanted), tap.request(requests.subarray(cut), wanted)].filter(Boolean)).toEqual([true])
    const answers = Buffer.concat([answer(71, 30), answer(72, 3), answer(73, 40)])
    const first = tap.answer(answers.subarray(0, cut))
    const at = first ?? tap.answer(answers.subarray(cut))
    // the answer to 72 begins at 38; where its head is cut in two, the bytes before the cut have gone
    if (first !== undefined || cut <= 38) expect(at).toBe(first === undefined ? 38 - cut : 38)
    else expect(at).toBe(0)
  }
})

function request(api: number, correlation: number, bodyBytes: number): Buffer {
  const frame = Buffer.alloc(12 + bodyBytes)
  frame.writeInt32BE(frame.length - 4, 0)
  frame.writeInt16BE(api, 4)
  frame.writeInt32BE(correlation, 8)
  return frame
}

function answer(correlation: number, bodyBytes: number): Buffer {
  const frame = Buffer.alloc(8 + bodyBytes)
  frame.writeInt32BE(frame.length - 4, 0)
  frame.writeInt32BE(correlation, 4)
  return frame
}

interface Through {
  readonly proxy: TcpProxy
  readonly client: Socket
  readonly serverSocket: Socket
  /** What the server got, and what it sent back. */
  readonly served: Buffer[]
  readonly received: Buffer[]
  failed(): string | undefined
}

/** A client of a server that sends everything back. */
async function throughProxy(tap: () => AnswerTap = () => new TextTap()): Promise<Through> {
  const served: Buffer[] = []
  const server = createServer((socket) => {
    socket.on('error', () => {}).on('data', (chunk: Buffer) => {
      served.push(chunk)
      socket.write(chunk)
    })
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const [listenPort = 0] = await freePorts(1)
  // it listens on a port, not on a pipe
  const proxy = await TcpProxy.listen({ name: 'proxy', listenPort, targetPort: (server.address() as AddressInfo).port, tap })
  onTestFinished(async () => {
    await proxy.close()
    await new Promise((closed) => server.close(closed))
  })
  const arrived = once(server, 'connection')
  const received: Buffer[] = []
  let failure: string | undefined
  const client = connect(listenPort, '127.0.0.1')
  client.on('data', (chunk: Buffer) => received.push(chunk)).on('error', (error: NodeJS.ErrnoException) => {
    failure = error.code
  })
  const [serverSocket] = (await arrived) as [Socket]
  return { proxy, client, serverSocket, served, received, failed: () => failure }
}

/** What becomes of another connection: that what is sent comes back, or the code of its error. */
function another({ port }: TcpProxy, text = 'hello'): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(text))
    socket.once('data', () => resolve('connected')).once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''))
    socket.once('data', () => socket.destroy())
  })
}

/** Also where it ends with an error. */
function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()))
}

/** What the server sends back to one who comes past the proxy. */
async function beside({ localPort = 0 }: Socket): Promise<string> {
  const socket = connect(localPort, '127.0.0.1', () => socket.write('hello'))
  const [chunk] = (await once(socket, 'data')) as [Buffer]
  socket.destroy()
  return chunk.toString()
}
