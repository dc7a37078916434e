import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { killLeftBehind } from '../../dev/test/left-behind.ts'
import { type ChaosReport, markdownOf } from './run/chaos-report.ts'
import { endByForce } from './run/end-by-force.ts'
import { FAULT_KINDS } from './run/fault-kinds.ts'
import { onInterruption } from './run/interruption.ts'
import { checkLeftBehind } from './run/own-checks.ts'
import { describeGoal } from './run/recovery-goals.ts'
import { type ChaosOptions, runChaos } from './run/run-chaos.ts'
import { smallDiskFolder } from './run/world.ts'

const HELP = `npm run chaos -- --minutes N --seed S   the trade store on real brokers and databases, under faults that the seed draws

Three brokers, three processors, two sinks of each kind, a gateway, PostgreSQL and MongoDB run on this machine, with proxies between them, while another client than ours sends
trades. In the end everything heals, what was sent is worked off, and all that came out is compared. Exit code 0: every check held.

Ctrl-C, or SIGTERM, ends the faults, and the end comes at once: everything heals, is worked off and compared. Ctrl-C once more ends all of it by force, without a report.

  --minutes N     how long faults are made (default 5); starting, draining and comparing take about one more
  --seed S        which faults, in which order, and which trades (default 1)
  --rate N        trades a second (default 300)
  --partitions N  of the topics (default 6)
  --fault NAME    only this kind of fault; may be given several times
  --report DIR    where the report goes, as chaos-S.json and chaos-S.md (default .tradewind/chaos)
  --keep          leave the data of brokers, databases and processors where it is, also when every check held
  --faults        list the kinds of faults
`

/** As for the command line of the product: wrong arguments. */
const USAGE = 2
const EXIT_WITHIN_MS = 5_000
/** Every process of a run has it in its environment. */
const RUN_VARIABLE = 'TRADEWIND_TEST_RUN'
/** As a shell has it. */
const INTERRUPTED = 130

// kafkajs sets timers in the past, which Node would tell on standard error in the middle of a run.
process.removeAllListeners('warning')
process.exitCode = await main()
// What was given up in the end may still hold this process; all has been told, and nothing of it is worth waiting for.
setTimeout(() => process.exit(), EXIT_WITHIN_MS).unref()

async function main(): Promise<number> {
  const options = readOptions()
  if (options === undefined) return USAGE
  if (options.help) process.stdout.write(HELP)
  if (options.faults) process.stdout.write(FAULT_KINDS.map(({ name, area, onlyByName }) => `${area.padEnd(12)}${name}${onlyByName === undefined ? '' : `   only by name: ${onlyByName}`}\n`).join(''))
  return options.help || options.faults ? 0 : run(options)
}

type Options = NonNullable<ReturnType<typeof readOptions>>

async function run({ seed, minutes, rate, partitions, kinds, report: reportFolder, keep }: Options): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'tradewind-chaos-'))
  process.env[RUN_VARIABLE] = folder
  const startMs = performance.now()
  const onProgress = (line: string) => process.stdout.write(`${((performance.now() - startMs) / 1000).toFixed(0).padStart(5)} s  ${line}\n`)
  const endEarly = new AbortController()
  const byForce = () => {
    endByForce(`${RUN_VARIABLE}=${folder}`, smallDiskFolder(folder))
    process.stderr.write(`interrupted; data and logs: ${folder}\n`)
    process.exit(INTERRUPTED)
  }
  onInterruption(process, {
    first: () => {
      onProgress('interrupted: no more faults; everything heals, is worked off and compared, as at the end of the time. Once more: it ends by force')
      endEarly.abort()
    },
    second: byForce,
  })
  // The terminal is closed: there is nobody left whom the end could be told.
  process.stdout.once('error', byForce)
  onProgress(`seed ${seed}, ${minutes} min; data in ${folder}`)
  const report = await runAndEnd({ folder, seed, minutes, ratePerS: rate, partitions, kinds, endEarly: endEarly.signal, onProgress })
  mkdirSync(reportFolder, { recursive: true })
  const file = join(reportFolder, `chaos-${seed}`)
  writeFileSync(`${file}.json`, `${JSON.stringify(report, undefined, 2)}\n`)
  writeFileSync(`${file}.md`, markdownOf(report))
  for (const { name, held, detail } of report.checks) process.stdout.write(`${held ? 'ok    ' : 'FAILED'}  ${name}: ${detail}\n`)
  for (const goal of report.goals) process.stdout.write(`goal    ${describeGoal(goal)}\n`)
  if (report.held && !keep) rmSync(folder, { recursive: true, force: true })
  else process.stdout.write(`Data and logs: ${folder}\n`)
  process.stdout.write(`Report: ${file}.md\n`)
  return report.held ? 0 : 1
}

/** Every process of a run ends with it: one that is there yet is a fault of the run, and ended now. */
async function runAndEnd(options: ChaosOptions): Promise<ChaosReport> {
  let report: ChaosReport | undefined
  try {
    report = await runChaos(options)
  } finally {
    // by their environment: who looks into the logs has the folder in his command line too
    const left = await killLeftBehind(`${RUN_VARIABLE}=${options.folder}`)
    const check = checkLeftBehind(left)
    if (report === undefined) process.stderr.write(`left behind: ${check.detail}\n`)
    else report = { ...report, held: report.held && check.held, checks: [...report.checks, check] }
  }
  return report
}

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        minutes: { type: 'string', default: '5' },
        seed: { type: 'string', default: '1' },
        rate: { type: 'string', default: '300' },
        partitions: { type: 'string', default: '6' },
        fault: { type: 'string', multiple: true },
        faults: { type: 'boolean', default: false },
        report: { type: 'string', default: join('.tradewind', 'chaos') },
        keep: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
    const unknown = values.fault?.find((name) => !FAULT_KINDS.some((kind) => kind.name === name))
    if (unknown !== undefined) throw new Error(`there is no kind of fault «${unknown}»; --faults lists them`)
    return {
      help: values.help,
      faults: values.faults,
      keep: values.keep,
      kinds: values.fault,
      report: resolve(values.report),
      minutes: positive('minutes', values.minutes),
      seed: positive('seed', values.seed),
      rate: positive('rate', values.rate),
      partitions: positive('partitions', values.partitions),
    }
  } catch (error) {
    process.stderr.write(`chaos: ${error instanceof Error ? error.message : String(error)}\n\n${HELP}`)
    return undefined
  }
}

function positive(name: string, text: string): number {
  const value = Number(text)
  if (!(value > 0)) throw new Error(`--${name} is ${JSON.stringify(text)}, expected a number above 0`)
  return value
}
