import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { ensureLibrdkafka } from '../../dev/bootstrap/librdkafka.js'
import { progressToTerminal } from '../../dev/bootstrap/progress.js'

export interface ForeignRecords {
  readonly brokers: string
  readonly topic: string
  /** Further settings of the producer, as librdkafka calls them. */
  readonly settings: Readonly<Record<string, string>>
  readonly records: readonly { readonly key: string; readonly value: string }[]
}

/** Sends records with librdkafka, the client behind most producers that are not Java. Rejects unless the brokers have acknowledged all of them. */
export async function produceWithLibrdkafka({ brokers, topic, settings, records }: ForeignRecords): Promise<void> {
  const env = { ...process.env, PYTHONPATH: await ensureLibrdkafka(progressToTerminal) }
  const child = spawn('python3', [join(import.meta.dirname, 'librdkafka-producer.py')], { env, stdio: ['pipe', 'inherit', 'pipe'] })
  const ended = once(child, 'close')
  const said = text(child.stderr)
  child.stdin.end(JSON.stringify({ settings: { ...settings, 'bootstrap.servers': brokers }, topic, records }))
  const [code] = await ended
  if (code !== 0) throw new Error(`librdkafka's producer ended with exit code ${code}:\n${await said}`)
}
