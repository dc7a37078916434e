import { createHash } from 'node:crypto'
import { readdir, rm } from 'node:fs/promises'
import { createConnection, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

/**
 * Requests to the processors that run on a data folder on this machine, over a Unix socket each: one line of JSON in, one line out. The sockets lie
 * in the folder of temporary files under a name made from the data folder's path, because socket paths are limited to 107 bytes.
 */
export interface ControlRequest {
  readonly command: 'expire'
}

export type ControlAnswer = { readonly expired: number } | { readonly error: string }

const LONGEST_REQUEST_BYTES = 10_000

function socketPrefix(dataDir: string): string {
  return `tradewind-${createHash('sha256').update(resolve(dataDir)).digest('hex').slice(0, 16)}-`
}

/** Serves requests until it is closed. */
export async function serveControl(dataDir: string, answer: (request: ControlRequest) => Promise<ControlAnswer>): Promise<{ close(): Promise<void> }> {
  const path = join(tmpdir(), `${socketPrefix(dataDir)}${process.pid}.sock`)
  await rm(path, { force: true })
  const sockets = new Set<Socket>()
  const server: Server = createServer((socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    let text = ''
    socket.setEncoding('utf8').on('error', () => socket.destroy())
    socket.on('data', (chunk: string) => {
      text += chunk
      if (text.length > LONGEST_REQUEST_BYTES) socket.destroy()
      else if (text.includes('\n')) void respond(text, answer).then((line) => socket.end(line))
    })
  })
  // Only the user of this process may ask: files in the temporary folder are open to all otherwise.
  const mask = process.umask(0o077)
  await new Promise<void>((listening, failed) => server.once('error', failed).listen(path, listening))
  process.umask(mask)
  return {
    close: () =>
      new Promise((closed) => {
        server.close(() => closed())
        // Who waits for an answer gets none: whoever would give it is gone.
        for (const socket of sockets) socket.destroy()
      }),
  }
}

/** Asks every processor that runs on the data folder. Sockets that nobody serves any more are removed. */
export async function askProcessors(dataDir: string, request: ControlRequest): Promise<ControlAnswer[]> {
  const prefix = socketPrefix(dataDir)
  const names = (await readdir(tmpdir())).filter((name) => name.startsWith(prefix) && name.endsWith('.sock'))
  const answers = await Promise.all(names.map((name) => ask(join(tmpdir(), name), request)))
  return answers.filter((answer) => answer !== undefined)
}

async function respond(text: string, answer: (request: ControlRequest) => Promise<ControlAnswer>): Promise<string> {
  try {
    const request: unknown = JSON.parse(text)
    const known = typeof request === 'object' && request !== null && 'command' in request && request.command === 'expire'
    return `${JSON.stringify(known ? await answer({ command: 'expire' }) : { error: 'unknown request; expected {"command":"expire"}' })}\n`
  } catch (error) {
    return `${JSON.stringify({ error: error instanceof Error ? error.message : String(error) })}\n`
  }
}

function ask(path: string, request: ControlRequest): Promise<ControlAnswer | undefined> {
  return new Promise((answered) => {
    let text = ''
    const socket = createConnection(path, () => socket.write(`${JSON.stringify(request)}\n`))
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
    })
    socket.once('error', () => {
      void rm(path, { force: true }).then(() => answered(undefined))
    })
    socket.once('close', () => {
      // The other side is a processor of this program.
      if (text !== '') answered(JSON.parse(text) as ControlAnswer)
    })
  })
}
