import { type AddressInfo, createServer } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { OwnerConnection } from './owner-connection.ts'

const closing: (() => void)[] = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

/** Somebody who answers every question with one text. */
async function answering(text: string): Promise<OwnerConnection> {
  const server = createServer((socket) => socket.on('error', () => {}).on('data', () => socket.write(text)))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo // it listens on TCP
  const connection = new OwnerConnection(`127.0.0.1:${port}`)
  closing.push(() => connection.close(), () => server.close())
  return connection
}

test.each(['null', '5', '"id"', 'true', 'no JSON', ''])('a line %j is no answer: the connection ends, and whoever waits is told so', async (line) => {
  const connection = await answering(`${line}\n`)
  await expect(connection.ask({ command: 'status' }, 2_000)).rejects.toThrow('its answer is no JSON object')
  expect(connection.isEnded).toBe(true)
})
