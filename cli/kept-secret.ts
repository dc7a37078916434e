import { randomBytes, randomUUID } from 'node:crypto'
import { link, mkdir, open, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { PersonsMistake } from './exit.ts'

/** As `http.secret` has to be. */
const FEWEST_CHARACTERS = 32

/**
 * The secret that signs request ids: one for all gateways of a data folder, and the same after a restart. The first of them makes it.
 * @throws PersonsMistake where the file holds none
 */
export async function keptSecret(dataDir: string): Promise<string> {
  const file = join(dataDir, 'gateway-secret')
  const kept = (await read(file)) ?? (await make(dataDir, file))
  if (kept.length < FEWEST_CHARACTERS) {
    throw new PersonsMistake(`${file} holds ${kept.length} characters, expected at least ${FEWEST_CHARACTERS}: set http.secret, or remove the file, and the next start makes a new one (ids of requests of the last 24 h are then not known any more)`)
  }
  return kept
}

async function read(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}

/** Under its name the file is there as a whole or not at all, whoever reads it meanwhile and wherever this process ends; of several that make it at a time, one does. */
async function make(dataDir: string, file: string): Promise<string> {
  await mkdir(dataDir, { recursive: true })
  const draft = `${file}.${randomUUID()}`
  try {
    const handle = await open(draft, 'wx', 0o600)
    try {
      await handle.writeFile(randomBytes(32).toString('hex'))
      await handle.sync()
    } finally {
      await handle.close()
    }
    await link(draft, file)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  } finally {
    await rm(draft, { force: true })
  }
  return readFile(file, 'utf8')
}
