import { execFileSync } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describeProfiles } from '../profile/describe-profiles.ts'
import { BenchStack } from './bench-stack.ts'
import { chartOf } from './chart.ts'
import { describeMachine } from './machine.ts'
import { markdownOf } from './markdown.ts'
import { leastRatio, makeRow, type Measurement, OURS, ratiosOf, type Results } from './results.ts'
import type { Scenario, ScenarioContext, ScenarioOptions } from './scenario.ts'

export interface RunScenarioOptions extends ScenarioOptions {
  readonly peers: readonly string[]
  readonly rounds: number
  /** Where JSON, table and chart go. */
  readonly resultsDirectory: string
  /** A further place for the JSON. */
  readonly json: string | undefined
  readonly profile: boolean
}

interface Named {
  readonly name: string
  readonly title: string
  readonly settings: string
  readonly needsPostgres?: boolean
  install?(): Promise<void>
}

/** Ours and its peers in turn on one warm broker, round by round, then the results. */
export async function runScenario<Kind extends Named>(scenario: Scenario<Kind>, options: RunScenarioOptions): Promise<Results> {
  const contenders = chosen(scenario, options.peers)
  for (const contender of contenders) await contender.install?.()
  const began = performance.now()
  const sinceMs = Date.now()
  const postgres = scenario.needsPostgres === true || contenders.some(({ needsPostgres }) => needsPostgres)
  const stack = await BenchStack.start({ postgres, mongo: scenario.needsMongo === true })
  const stop = () => void stack.close().then(() => process.exit(130))
  process.once('SIGINT', stop).once('SIGTERM', stop)
  try {
    const context = await contextOf(stack, scenario.name, options)
    await scenario.prepare(context)
    const measured = await allRounds(scenario, contenders, context, options.rounds)
    const results = resultsOf({ scenario, contenders, measured, options, checks: context.checks, durationSeconds: Math.round((performance.now() - began) / 1000) })
    await write(results, options)
    if (context.profileDirectory !== undefined) {
      const budget = await describeProfiles(context.profileDirectory, { sinceMs, records: scenario.worksOff?.(options) })
      if (budget !== undefined) context.say(`\nwhere the time of the stream thread went:\n\n${budget}`)
    }
    return results
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop)
    await stack.close()
  }
}

function chosen<Kind extends Named>(scenario: Scenario<Kind>, peers: readonly string[]): Kind[] {
  return [OURS, ...peers].map((name) => {
    const found = scenario.contenders.find((contender) => contender.name === name)
    const known = scenario.contenders.map((contender) => contender.name).filter((contender) => contender !== OURS)
    if (found === undefined) throw new Error(`there is no peer ${name} in the scenario ${scenario.name}, expected one of: ${known.join(', ')}`)
    return found
  })
}

/** Ours, peer, ours, peer: what the machine does to one it does to the other. */
async function allRounds<Kind extends Named>(scenario: Scenario<Kind>, contenders: readonly Kind[], context: ScenarioContext, rounds: number): Promise<Map<Kind, Map<string, Measurement[]>>> {
  const measured = new Map(contenders.map((contender) => [contender, new Map<string, Measurement[]>()]))
  for (let round = 1; round <= rounds; round++) {
    for (const contender of contenders) {
      for (const [name, measurement] of await scenario.measure(context, contender)) {
        const cases = measured.get(contender)
        cases?.set(name, [...(cases.get(name) ?? []), measurement])
        context.say(`round ${round}, ${[contender.name, name].filter(Boolean).join(', ')}: ${describe(measurement)}`)
      }
    }
  }
  return measured
}

function describe(measurement: Measurement): string {
  return Object.entries(measurement)
    .map(([metric, value]) => `${metric} ${Number(value.toPrecision(4)).toLocaleString('en')}`)
    .join(', ')
}

async function contextOf(stack: BenchStack, scenario: string, options: RunScenarioOptions): Promise<ScenarioContext & { checks: Set<string> }> {
  const checks = new Set<string>()
  const profileDirectory = options.profile ? join(options.resultsDirectory, 'profiles', scenario) : undefined
  if (profileDirectory !== undefined) await mkdir(profileDirectory, { recursive: true })
  let runs = 0
  return {
    stack,
    options,
    profileDirectory,
    checks,
    newRun(contender) {
      const group = `${contender}-${++runs}`
      return { group, stateDirectory: join(stack.dataDir, 'state', group) }
    },
    say: (line) => process.stderr.write(`${line}\n`),
    checked: (what) => checks.add(what),
  }
}

function resultsOf<Kind extends Named>(parts: {
  scenario: Scenario<Kind>
  contenders: readonly Kind[]
  measured: ReadonlyMap<Kind, ReadonlyMap<string, readonly Measurement[]>>
  options: RunScenarioOptions
  checks: ReadonlySet<string>
  durationSeconds: number
}): Results {
  const { scenario, contenders, measured, options } = parts
  const rows = contenders.flatMap((contender) => [...(measured.get(contender) ?? [])].map(([name, rounds]) => makeRow(contender, name, rounds)))
  const ratios = ratiosOf(rows, scenario.metrics)
  const { resultsDirectory: _directory, json: _json, ...told } = options
  return {
    scenario: scenario.name,
    ratio: leastRatio(ratios, scenario.metrics[0]?.name ?? ''),
    ratios,
    rows,
    metrics: scenario.metrics,
    machine: describeMachine(),
    options: told,
    commit: commitOfNow(),
    at: new Date().toISOString(),
    durationSeconds: parts.durationSeconds,
    checks: [...parts.checks],
  }
}

/** `unknown` where this is no checkout. */
function commitOfNow(): string {
  try {
    return execFileSync('git', ['describe', '--always', '--dirty'], { cwd: import.meta.dirname, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  } catch {
    return 'unknown'
  }
}

async function write(results: Results, { resultsDirectory, json }: RunScenarioOptions): Promise<void> {
  const text = `${JSON.stringify(results, undefined, 2)}\n`
  await mkdir(resultsDirectory, { recursive: true })
  await writeFile(join(resultsDirectory, `${results.scenario}.json`), text)
  await writeFile(join(resultsDirectory, `${results.scenario}.md`), markdownOf(results))
  await writeFile(join(resultsDirectory, `${results.scenario}.svg`), chartOf(results))
  if (json !== undefined) await writeFile(json, text)
}
