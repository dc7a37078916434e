import { pbkdf2Sync, randomBytes } from 'node:crypto'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { alterUserScramCredentialsV0, Connection } from '@platformatic/kafka'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { MixedWorkload } from '../../bench/workload/mixed-workload.ts'
import { type EmbeddedStack, startStack } from '../../dev/stack.ts'
import { freePorts } from '../../dev/stack/free-ports.ts'
import type { SettingName } from '../../config/settings.ts'
import { brokersOfRun, TradeEnvironment } from '../support/trade-environment.ts'
import { faultsInTheEnd } from '../support/trade-records.ts'

const BUSINESS_DATE = '2026-12-11'
const CERTIFICATES = fileURLToPath(new URL('../support/certificates/', import.meta.url))
const TLS = { 'kafka.tls': 'true', 'kafka.tls.ca': join(CERTIFICATES, 'authority.pem') } satisfies Partial<Record<SettingName, string>>
const USER = 'trader'
const PASSWORD = 'a pass, with "odd" = signs\\'
/** Every connection has to log in again this often: several times in the course of a test. */
const LOGIN_MS = 2_000
const SCRAM_MECHANISMS = [
  { id: 1, digest: 'sha256', bytes: 32 },
  { id: 2, digest: 'sha512', bytes: 64 },
] as const
const ITERATIONS = 4096

type Protocol = 'SSL' | 'SASL_PLAINTEXT' | 'SASL_SSL'

describe.skipIf(brokersOfRun === undefined)('brokers that ask who is there', { timeout: 300_000 }, () => {
  describe.each<{ protocol: Protocol; settings: Partial<Record<SettingName, string>> }>([
    { protocol: 'SSL', settings: TLS },
    { protocol: 'SASL_PLAINTEXT', settings: login('SCRAM-SHA-256') },
    { protocol: 'SASL_SSL', settings: { ...TLS, ...login('SCRAM-SHA-512') } },
    { protocol: 'SASL_SSL', settings: { ...TLS, ...login('PLAIN') } },
  ])('$protocol, $settings', ({ protocol, settings }) => {
    let stack: EmbeddedStack
    let environment: TradeEnvironment

    beforeAll(async () => {
      const own = { postgres: process.env['TRADEWIND_POSTGRES_URL'], mongo: process.env['TRADEWIND_MONGO_URL'] }
      const [port = 0] = await freePorts(1)
      stack = await startStack({
        dataDir: mkdtempSync(join(tmpdir(), 'secured-')),
        kafkaHeapMb: 384,
        own,
        kafkaProxied: [{ listen: port, advertised: port }],
        kafkaSettings: secured(protocol),
      })
      await setScramPasswords(stack.brokers)
      environment = await TradeEnvironment.create({ brokers: `127.0.0.1:${port}`, settings: { 'business.date': BUSINESS_DATE, 'topics.partitions': '3', ...settings } })
    }, 120_000)
    afterAll(async () => {
      await environment?.close()
      await stack?.stop()
    })

    test('every role works, beyond the life of a login', async () => {
      const fromMs = Date.now()
      const workload = new MixedWorkload({ seed: 21, businessDate: BUSINESS_DATE, rates: { LARGE: 0, TOO_LARGE: 0, HEAVY_HEADERS: 0 } })
      const processor = environment.processor()
      const sinks = { postgres: environment.sink('postgres'), mongo: environment.sink('mongo') }
      const { sent, acknowledged } = await environment.generator({ workload, ratePerS: 400, durationMs: 4 * LOGIN_MS }).run(new AbortController().signal)
      expect(acknowledged).toBe(sent)
      const { faults, inputs } = await faultsInTheEnd(environment, { businessDate: BUSINESS_DATE, fromMs, processor, sinks })
      expect(faults).toBe('')
      expect(inputs).toBe(sent)
    })

    test.runIf(protocol !== 'SSL')('a wrong password ends the start, and the message says so', async () => {
      const { exit, output } = await environment.command(['processor'], { settings: { 'kafka.sasl.password': 'guessed', 'data.dir': join(environment.folder, 'guessed') } })
      expect(exit).toBe('exit code 1')
      expect(output).toMatch(/refused the login/)
      expect(output).toContain('kafka.sasl')
      expect(output).not.toContain('guessed')
    })
  })
})

function login(mechanism: string): Partial<Record<SettingName, string>> {
  return { 'kafka.sasl.mechanism': mechanism, 'kafka.sasl.username': USER, 'kafka.sasl.password': PASSWORD }
}

/** Settings of a broker whose listener for clients is secured; other brokers and the test's preparations use the plain one. */
function secured(protocol: Protocol): Record<string, string> {
  const listener = 'listener.name.proxied'
  const security = 'org.apache.kafka.common.security'
  const quoted = PASSWORD.replaceAll(/["\\]/g, String.raw`\$&`)
  return Object.fromEntries(
    Object.entries({
      'listener.security.protocol.map': `PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,PROXIED:${protocol}`,
      ...(protocol !== 'SASL_PLAINTEXT' && {
        [`${listener}.ssl.keystore.type`]: 'PEM',
        [`${listener}.ssl.keystore.location`]: join(CERTIFICATES, 'broker.pem'),
      }),
      ...(protocol !== 'SSL' && {
        [`${listener}.sasl.enabled.mechanisms`]: 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
        [`${listener}.connections.max.reauth.ms`]: String(LOGIN_MS),
        [`${listener}.plain.sasl.jaas.config`]: `${security}.plain.PlainLoginModule required user_${USER}="${quoted}";`,
        [`${listener}.scram-sha-256.sasl.jaas.config`]: `${security}.scram.ScramLoginModule required;`,
        [`${listener}.scram-sha-512.sasl.jaas.config`]: `${security}.scram.ScramLoginModule required;`,
      }),
      // The file of settings takes a backslash for an escape of its own.
    }).map(([name, value]) => [name, value.replaceAll('\\', '\\\\')]),
  )
}

/** What `kafka-configs --alter --add-config SCRAM-SHA-...` does. */
async function setScramPasswords(brokers: string): Promise<void> {
  const [host = '', port] = brokers.split(':')
  const connection = new Connection('tradewind-test')
  await connection.connect(host, Number(port))
  // One by one: a user may stand in a request once.
  for (const { id, digest, bytes } of SCRAM_MECHANISMS) {
    const salt = randomBytes(16)
    const credential = { name: USER, mechanism: id, iterations: ITERATIONS, salt, saltedPassword: pbkdf2Sync(PASSWORD, salt, ITERATIONS, bytes, digest) }
    await alterUserScramCredentialsV0.api.async(connection, [], [credential])
  }
  await connection.close()
}
