import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'

/**
 * Free ports of the loopback address, `preferred` ones where they are free.
 *
 * They lie below the range that the system takes client ports from. Within it, a client that tries again and again to reach a
 * server that is being restarted can be given the server's port as its own, connects to itself, and the server cannot come back.
 */
export async function freePorts(count: number, preferred: readonly number[] = []): Promise<number[]> {
  const lowest = 10_000
  const span = firstClientPort() - lowest
  const ports: number[] = []
  for (const port of preferred.slice(0, count)) if (await isFree(port)) ports.push(port)
  while (ports.length < count) {
    const port = lowest + Math.floor(Math.random() * span)
    if (!ports.includes(port) && (await isFree(port))) ports.push(port)
  }
  return ports
}

function firstClientPort(): number {
  const range = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8')
  const first = Number(range.split(/\s+/)[0])
  return first > 11_000 ? first : 32_768
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
