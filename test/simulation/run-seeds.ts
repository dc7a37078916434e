import { fork } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import type { SimulationOutcome } from '../../engine/simulation/simulation.ts'

export interface RunSeedsOptions {
  readonly from: number
  readonly count: number
  /** Default: one for each core. */
  readonly processes?: number
  /** Modules that are loaded first in each process, such as a hook that changes the code under test. */
  readonly preload?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  /** What the seeds draw at least. */
  readonly least?: { readonly records: number; readonly faults: number } | undefined
  /** What every seed rehearses, by its name. Default: what the seed picks. */
  readonly application?: string | undefined
  /** Called with each outcome; `true` ends the run. */
  readonly done: (outcome: SimulationOutcome) => boolean | undefined
  /** A seed takes seconds: after this it hangs, in a loop that never lets time go on. Default 120 s. */
  readonly hangMs?: number
}

/** Garbage is collected less often: a seed makes much of it, and keeps little. */
const NODE_OPTIONS = ['--max-semi-space-size=64']
const WORKER = fileURLToPath(new URL('seed-worker.ts', import.meta.url))

/** Runs seeds in processes of their own. */
export async function runSeeds(options: RunSeedsOptions): Promise<void> {
  const { from, count, processes = availableParallelism() } = options
  const seeds = Array.from({ length: count }, (_, i) => from + i).values()
  const stop = new AbortController()
  await Promise.all(Array.from({ length: Math.min(processes, count) }, () => runWorker(seeds, options, stop)))
}

async function runWorker(seeds: Iterator<number>, options: RunSeedsOptions, stop: AbortController): Promise<void> {
  while (!stop.signal.aborted) {
    const lost = await runProcess(seeds, options, stop)
    if (lost === undefined) return
    if (options.done(lost)) stop.abort()
  }
}

/** Resolves when there are no seeds left; or with what became of the seed whose process died or hung. */
function runProcess(seeds: Iterator<number>, { preload = [], environment = {}, least, application, done, hangMs = 120_000 }: RunSeedsOptions, stop: AbortController): Promise<SimulationOutcome | undefined> {
  return new Promise((resolve) => {
    const child = fork(WORKER, { execArgv: [...NODE_OPTIONS, ...preload.flatMap((module) => ['--import', module])], env: { ...process.env, ...environment }, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
    let current: number | undefined
    let errors = ''
    let timer: NodeJS.Timeout | undefined
    const end = (): void => {
      clearTimeout(timer)
      child.kill('SIGKILL')
    }
    const next = (): void => {
      clearTimeout(timer)
      const { value, done: isOver } = seeds.next()
      current = isOver ? undefined : value
      if (current === undefined) return end()
      timer = setTimeout(() => child.kill('SIGKILL'), hangMs)
      child.send({ seed: current, least, application })
    }
    stop.signal.addEventListener('abort', end)
    child.stderr?.on('data', (chunk: Buffer) => {
      errors = `${errors}${chunk.toString()}`.slice(-4_000)
    })
    child.on('message', (outcome: SimulationOutcome) => {
      if (done(outcome)) stop.abort()
      if (!stop.signal.aborted) next()
    })
    child.on('exit', (code, signal) => {
      clearTimeout(timer)
      stop.signal.removeEventListener('abort', end)
      const isLost = current !== undefined && !stop.signal.aborted
      resolve(isLost ? lostSeed(current as number, `the process ended (${signal ?? code}): ${errors.trim() || 'it hung'}`) : undefined)
    })
    next()
  })
}

function lostSeed(seed: number, violation: string): SimulationOutcome {
  return { seed, application: '', violations: [violation], faults: [], records: 0, virtualMs: 0, events: 0, digest: '' }
}
