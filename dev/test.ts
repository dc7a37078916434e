import { mkdtempSync, mkdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { root as rootFolder } from './bootstrap/cache.js'
import { type EmbeddedStack, startStack } from './stack.ts'
import { killLeftBehind } from './test/left-behind.ts'
import { type FileResult, runVitest } from './test/run-vitest.ts'
import { SUITES, type Suite, suiteOf, testFiles } from './test/suites.ts'

// npm test [-- [--unit] [--integration] [--long | --browser] [part of a path ...]]
//
// Runs all tests: those without services first, while the embedded stack starts; then those that need it, against one stack.
// --long runs test/chaos and test/long instead, which take more than the six minutes that all other tests may take; --browser runs
// test/browser, which needs a Chromium.
// The last line is "N passed, N failed".

const root = rootFolder.replace(/\/$/, '')
const { values: only, positionals: filters } = parseArgs({ allowPositionals: true, options: { unit: { type: 'boolean' }, integration: { type: 'boolean' }, long: { type: 'boolean' }, browser: { type: 'boolean' } } })
/** What the tests should take at most on two cores. */
const BUDGET_S = only.long ? 1200 : 360
/** After this they are ended: something hangs. A busy machine takes twice its budget. */
const LIMIT_S = 3 * BUDGET_S
/** The broker is not restarted by tests that share it. On a busy machine the default of the stack, made for those who restart it, would have the cluster lose its only broker. */
const PATIENT = { 'broker.session.timeout.ms': '60000' }
process.exitCode = await main()

async function main(): Promise<number> {
  const startedMs = performance.now()
  const files = testFiles(root, filters, only.long ? 'long' : only.browser ? 'browser' : undefined)
  const plain = only.integration ? [] : files.filter((file) => !suiteOf(file).services)
  const withServices = only.unit ? [] : files.filter((file) => suiteOf(file).services)
  if (plain.length + withServices.length === 0) {
    console.error(`No test file matches ${filters.join(' ') || 'these options'}.`)
    return 1
  }
  const folder = mkdtempSync(join(tmpdir(), 'tradewind-test-'))
  const { results, troubles } = await runAll(folder, plain, withServices)
  const left = await killLeftBehind(folder)
  if (left.length > 0) troubles.push(`the tests left processes behind:\n${left.join('\n')}`)
  const failed = results.reduce((sum, file) => sum + file.failed, 0) + troubles.length
  printSuites(results, performance.now() - startedMs)
  for (const { file, failures } of results) for (const failure of failures) console.log(`FAILED: ${file}: ${failure}`)
  for (const trouble of troubles) console.log(`FAILED: ${trouble}`)
  if (failed === 0) rmSync(folder, { recursive: true, force: true })
  else console.log(`Logs of the services: ${join(folder, 'stack', 'log')}`)
  console.log(`${results.reduce((sum, file) => sum + file.passed, 0)} passed, ${failed} failed`)
  return failed === 0 ? 0 : 1
}

/** Both runs, with the stack that the second one needs coming up during the first. */
async function runAll(folder: string, plain: readonly string[], withServices: readonly string[]): Promise<{ results: FileResult[]; troubles: string[] }> {
  const abort = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => abort.abort())
  const results: FileResult[] = []
  const troubles: string[] = []
  const run = async (name: string, files: readonly string[], maxWorkers: number, services: Record<string, string>) => {
    if (files.length === 0 || abort.signal.aborted) return
    const temporary = join(folder, 'tmp')
    mkdirSync(temporary, { recursive: true })
    const env = { ...services, TMPDIR: temporary, TRADEWIND_TEST_RUN: folder }
    const outcome = await runVitest({ root, files, maxWorkers, env, reportFile: join(folder, `${name}.json`), limitMs: LIMIT_S * 1000, signal: abort.signal })
    results.push(...outcome.files)
    if (outcome.trouble !== undefined) troubles.push(`${name}: ${outcome.trouble}`)
  }
  const starting = withServices.length === 0 ? undefined : startServices(folder)
  await run('tests without services', plain, 2, {})
  const stack = await starting
  if (stack instanceof Error) troubles.push(`the embedded stack did not start: ${stack.message}`)
  else if (stack !== undefined) {
    const services = { TRADEWIND_KAFKA_BROKERS: stack.brokers, TRADEWIND_POSTGRES_URL: stack.postgres, TRADEWIND_MONGO_URL: stack.mongo }
    // Much of their time they wait: for processes to start, sessions to end, topics to be there. Of the long ones some start stacks of their own.
    await run('tests with services', withServices, only.long ? 2 : 3, services)
    await stack.stop()
  }
  if (abort.signal.aborted) troubles.push('interrupted')
  return { results, troubles }
}

function startServices(folder: string): Promise<EmbeddedStack | Error> {
  const own = { brokers: process.env['TRADEWIND_KAFKA_BROKERS'], postgres: process.env['TRADEWIND_POSTGRES_URL'], mongo: process.env['TRADEWIND_MONGO_URL'] }
  return startStack({ dataDir: join(folder, 'stack'), own, kafkaSettings: PATIENT }).catch((error: unknown) => (error instanceof Error ? error : new Error(String(error))))
}

function printSuites(results: readonly FileResult[], elapsedMs: number): void {
  console.log('\nsuite          passed  failed  skipped    time  budget')
  for (const suite of SUITES) {
    const ofSuite = results.filter((result) => suiteOf(result.file) === suite)
    if (ofSuite.length > 0) console.log(suiteLine(suite, ofSuite))
  }
  console.log(`in all ${(elapsedMs / 1000).toFixed(0)} s of ${BUDGET_S} s\n`)
}

function suiteLine(suite: Suite, results: readonly FileResult[]): string {
  const sum = (of: 'passed' | 'failed' | 'skipped') => results.reduce((total, result) => total + result[of], 0)
  const seconds = (Math.max(...results.map(({ endMs }) => endMs)) - Math.min(...results.map(({ startMs }) => startMs))) / 1000
  const columns = [String(sum('passed')).padStart(8), String(sum('failed')).padStart(8), String(sum('skipped')).padStart(9), `${seconds.toFixed(1)} s`.padStart(8), `${suite.budgetS} s`.padStart(8)]
  return `${suite.name.padEnd(13)}${columns.join('')}${seconds > suite.budgetS ? '  over budget' : ''}`
}
