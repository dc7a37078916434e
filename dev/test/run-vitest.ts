import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'

export interface VitestRun {
  readonly root: string
  readonly files: readonly string[]
  readonly maxWorkers: number
  readonly env: Readonly<Record<string, string>>
  /** Where vitest writes its report. */
  readonly reportFile: string
  /** A run that hangs is killed after this time. */
  readonly limitMs: number
  readonly signal: AbortSignal
}

export interface FileResult {
  readonly file: string
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  /** The name of each failed test with the first lines of what it says. */
  readonly failures: readonly string[]
  readonly startMs: number
  readonly endMs: number
}

export interface VitestOutcome {
  readonly files: readonly FileResult[]
  /** What went wrong beside failed tests: an error outside of a test, a crash, a hang. */
  readonly trouble: string | undefined
}

/** Runs test files in a child process, which shows its own progress. */
export async function runVitest(run: VitestRun): Promise<VitestOutcome> {
  const reporters = ['--reporter=default', '--reporter=json', `--reporter=${join(import.meta.dirname, 'failures-at-once.ts')}`, `--outputFile.json=${run.reportFile}`]
  const args = [join(run.root, 'node_modules', 'vitest', 'vitest.mjs'), 'run', '--maxWorkers', String(run.maxWorkers), ...reporters, ...run.files]
  const options = { cwd: run.root, env: { ...process.env, ...run.env }, stdio: ['ignore', 'inherit', 'inherit'] as const, timeout: run.limitMs, signal: run.signal, killSignal: 'SIGKILL' as const }
  const child = spawn(process.execPath, args, { ...options, stdio: [...options.stdio] })
  const status = await new Promise<number | undefined>((resolve) => {
    child.once('error', () => resolve(undefined))
    child.once('exit', (code) => resolve(code ?? undefined))
  })
  const files = readReport(run)
  const failed = files?.some((file) => file.failed > 0)
  if (files === undefined || status === undefined) return { files: files ?? [], trouble: `vitest was killed after ${run.limitMs / 1000} s, or crashed` }
  return { files, trouble: status === 0 || failed ? undefined : 'vitest reports an error outside of the tests, see above' }
}

const report = z.object({
  testResults: z.array(
    z.object({
      name: z.string(),
      status: z.string(),
      message: z.string(),
      startTime: z.number(),
      endTime: z.number(),
      assertionResults: z.array(z.object({ status: z.string(), fullName: z.string(), failureMessages: z.array(z.string()).nullish() })),
    }),
  ),
})

function readReport({ reportFile, root }: VitestRun): FileResult[] | undefined {
  let text: string
  try {
    text = readFileSync(reportFile, 'utf8')
  } catch {
    // vitest did not come so far
    return undefined
  }
  return report.parse(JSON.parse(text)).testResults.map((result) => {
    const count = (status: string) => result.assertionResults.filter((test) => test.status === status).length
    const failed = count('failed')
    const failures = result.assertionResults.filter((test) => test.status === 'failed').map((test) => `${test.fullName}\n${firstLines(test.failureMessages?.join('\n') ?? '')}`)
    return {
      file: result.name.replace(`${root}/`, ''),
      passed: count('passed'),
      // a file that could not be loaded has no tests
      failed: result.status === 'failed' ? Math.max(failed, 1) : failed,
      failures: result.status === 'failed' && failed === 0 ? [firstLines(result.message)] : failures,
      skipped: result.assertionResults.length - count('passed') - failed,
      startMs: result.startTime,
      endMs: result.endTime,
    }
  })
}

/** Enough to know a failure again from the end of a log. */
function firstLines(text: string): string {
  const lines = text.split('\n', 12).map((line) => `    ${line.slice(0, 300)}`)
  return lines.join('\n')
}
