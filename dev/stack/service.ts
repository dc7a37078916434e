import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { findProcess, killAll, processTree } from './process-table.ts'
import { readText } from './service-files.ts'

export interface ServiceOptions {
  readonly name: string
  readonly command: readonly string[]
  /** Where its process is written down, so that the next stack on the same data can end what was left over. */
  readonly pidFile: string
  readonly logFile: string
  /** Ends it in order. */
  readonly stopSignal: NodeJS.Signals
  /** What the kernel sends it when we die. */
  readonly deathSignal: NodeJS.Signals
  /** How long it may take to end in order; then it is killed. Default: 7,000. */
  readonly stopWithinMs?: number
  /** Run before each start. */
  prepare?(): Promise<void> | void
  /** Whether it serves; asked again and again after a start. `log` is what it wrote since then. */
  ready(log: string): Promise<boolean> | boolean
}

/** Only ends what hangs: a server that cannot start ends by itself. */
const READY_WITHIN_MS = 300_000

/**
 * A server process of the embedded stack, which can be stopped, killed and started again on the same port and data.
 *
 * It cannot outlive us: `setpriv --pdeathsig` has the kernel signal it when the thread that started it ends. So start it from a
 * main thread, not from a worker that ends earlier.
 */
export class Service {
  readonly name: string
  readonly #options: ServiceOptions
  #child: ChildProcess | undefined
  #ended = Promise.resolve()

  constructor(options: ServiceOptions) {
    this.name = options.name
    this.#options = options
  }

  /** `undefined` while it does not run. */
  get pid(): number | undefined {
    return this.#child?.pid
  }

  /** Starts it and resolves when it serves. Fails with the end of its log when it does not come up. */
  async start(): Promise<void> {
    if (this.#child !== undefined) return
    const { logFile, prepare, ready } = this.#options
    await prepare?.()
    const logStart = readText(logFile).length
    const child = this.#spawn()
    const deadlineMs = performance.now() + READY_WITHIN_MS
    while (!(await ready(readText(logFile).slice(logStart)))) {
      if (this.#child !== child) throw new Error(`${this.name} ended while it was starting:\n${endOf(readText(logFile))}\nIts log: ${logFile}`)
      if (performance.now() > deadlineMs) {
        await this.stop('kill')
        throw new Error(`${this.name} was not ready after ${READY_WITHIN_MS / 1000} s:\n${endOf(readText(logFile))}\nIts log: ${logFile}`)
      }
      await delay(25)
    }
  }

  /** `term`: in order, killed if it takes too long. `kill`: as if the machine had lost power, but for the page cache. */
  async stop(how: 'term' | 'kill'): Promise<void> {
    const child = this.#child
    if (child?.pid === undefined) return
    const tree = processTree(child.pid)
    if (how === 'term') {
      child.kill(this.#options.stopSignal)
      await Promise.race([this.#ended, delay(this.#options.stopWithinMs ?? 7_000, undefined, { ref: false })])
    }
    await killAll(tree)
    await this.#ended
  }

  #spawn(): ChildProcess {
    const { command, deathSignal, logFile, pidFile } = this.#options
    const log = openSync(logFile, 'a')
    const [program = '', ...args] = withDeathSignal(command, deathSignal)
    // a process group of its own: Ctrl-C in a terminal must stop the application first
    const child = spawn(program, args, { stdio: ['ignore', log, log], detached: true, cwd: '/' })
    closeSync(log)
    this.#child = child
    this.#ended = new Promise((resolve) => {
      const end = () => {
        if (this.#child === child) this.#child = undefined
        rmSync(pidFile, { force: true })
        resolve()
      }
      child.once('exit', end)
      child.once('error', end)
    })
    if (child.pid !== undefined) writeFileSync(pidFile, `${child.pid} ${findProcess(child.pid)?.startTicks ?? ''}\n`)
    return child
  }
}

/** `setpriv` gets the arguments of a further `setpriv` in front, where there is one. */
function withDeathSignal(command: readonly string[], signal: NodeJS.Signals): string[] {
  const [program = '', ...args] = command
  const name = signal.replace('SIG', '')
  return program === 'setpriv' ? ['setpriv', '--pdeathsig', name, ...args] : ['setpriv', '--pdeathsig', name, program, ...args]
}

function endOf(log: string): string {
  return log.trimEnd().split('\n').slice(-20).join('\n')
}
