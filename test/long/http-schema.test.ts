import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { progressToTerminal } from '../../dev/bootstrap/progress.js'
import { ensureSchemathesis } from '../../dev/bootstrap/schemathesis.js'
import { brokersOfRun, TradeEnvironment } from '../support/trade-environment.ts'

const HTTP = join(import.meta.dirname, '../http')
const EXAMPLES = 20

describe.skipIf(brokersOfRun === undefined)('the gateway, held against its OpenAPI by schemathesis', { timeout: 600_000 }, () => {
  let environment: TradeEnvironment
  let url = ''

  beforeAll(async () => {
    environment = await TradeEnvironment.create({ settings: { 'business.date': '2026-12-11', 'topics.partitions': '2' } })
    const processor = environment.processor()
    environment.sink('postgres')
    environment.sink('mongo')
    url = await environment.listening(environment.gateway())
    await environment.running(processor)
  }, 120_000)
  afterAll(() => environment.close())

  test('every answer is documented and as its schema says; what the schema forbids is not taken; no fault of the server', async () => {
    const env = { ...process.env, PYTHONPATH: `${await ensureSchemathesis(progressToTerminal)}:${HTTP}`, SCHEMATHESIS_HOOKS: 'media_types' }
    const args = ['--config-file', join(HTTP, 'schemathesis.toml'), 'run', `${url}/openapi.json`, '--phases', 'examples,coverage,fuzzing', '--max-examples', String(EXAMPLES), '--request-timeout', '35', '--no-color']
    const child = spawn('python3', ['-m', 'schemathesis.cli', ...args], { env, cwd: environment.folder, stdio: ['ignore', 'pipe', 'pipe'] })
    const ended = once(child, 'close')
    const [said, faults] = await Promise.all([text(child.stdout), text(child.stderr)])
    const [code] = await ended
    expect(code, `${said}\n${faults}`).toBe(0)
    expect(said).toMatch(/ [1-9]\d\d+ generated/)
    expect(environment.said.filter((line) => line.includes('unexpected:'))).toEqual([])
  })
})
