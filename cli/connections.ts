import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { LoadedSettings } from '../config/load-settings.ts'
import { PersonsMistake } from './exit.ts'

/** Where Kafka and the databases are. */
export interface Connections {
  readonly brokers: string
  readonly postgres: string
  readonly mongo: string
}

/** The running embedded stack leaves its addresses here, in its data folder. */
export function stackFile(dataDir: string): string {
  return join(dataDir, 'stack.json')
}

/** Address of a service: the setting, else what the embedded stack of the data folder wrote down. */
export async function connectionOf(settings: LoadedSettings, service: keyof Connections): Promise<string> {
  const { values } = settings
  const setting = { brokers: values['kafka.brokers'], postgres: values['postgres.url'], mongo: values['mongo.url'] }[service]
  if (setting !== undefined) return setting
  const stack = await readStack(values['data.dir'])
  if (stack !== undefined) return stack[service]
  const name = { brokers: 'kafka.brokers', postgres: 'postgres.url', mongo: 'mongo.url' }[service]
  throw new PersonsMistake(`no address for ${name}: it is not set, and no embedded stack runs on ${values['data.dir']}. Set ${name}, or start one with: tradewind stack --data ${values['data.dir']}`)
}

async function readStack(dataDir: string): Promise<Connections | undefined> {
  try {
    // Written by `tradewind stack`; a file that is something else fails at the first connection and says so.
    return JSON.parse(await readFile(stackFile(dataDir), 'utf8')) as Connections
  } catch {
    return undefined
  }
}
