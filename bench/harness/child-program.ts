import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import type { RunningContender } from './contender.ts'

export interface ChildProgramOptions {
  readonly name: string
  readonly command: readonly string[]
  readonly environment?: NodeJS.ProcessEnv
  /** A line on its standard output that says that it has its partitions. */
  readonly readyLine: string
}

const READY_WITHIN_MS = 120_000
const STOP_WITHIN_MS = 60_000
const LAST_LINES = 30

/** A peer in a process of its own, which cannot outlive us. It says on standard output how far it is. */
export class ChildProgram implements RunningContender {
  readonly pid: number
  readonly lines: string[] = []
  readonly #options: ChildProgramOptions
  readonly #child: ChildProcess
  readonly #errors: string[] = []
  readonly #ended: Promise<void>
  #exit: string | undefined
  #isStopping = false

  constructor(options: ChildProgramOptions) {
    this.#options = options
    const [program = '', ...args] = ['setpriv', '--pdeathsig', 'KILL', ...options.command]
    this.#child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...options.environment } })
    if (this.#child.pid === undefined) throw new Error(`${options.name} could not be started: ${options.command[0]}`)
    this.pid = this.#child.pid
    this.#listen(this.#child.stdout, (line) => this.lines.push(line))
    this.#listen(this.#child.stderr, (line) => {
      this.#errors.push(line)
      if (this.#errors.length > LAST_LINES) this.#errors.shift()
    })
    this.#ended = new Promise((resolve) => {
      this.#child.once('close', (code, signal) => {
        this.#exit = signal ?? `exit code ${code}`
        resolve()
      })
    })
  }

  check(): void {
    if (this.#exit !== undefined && !this.#isStopping) throw new Error(`${this.#options.name} has ended (${this.#exit}):\n${this.#errors.join('\n')}`)
  }

  async ready(): Promise<void> {
    const deadlineMs = performance.now() + READY_WITHIN_MS
    while (!this.lines.some((line) => line.includes(this.#options.readyLine))) {
      this.check()
      if (performance.now() > deadlineMs) throw new Error(`${this.#options.name} was not ready after ${READY_WITHIN_MS / 1000} s:\n${this.#errors.join('\n')}`)
      await delay(10)
    }
  }

  /** Resolves when the program has ended by itself; throws unless with exit code 0. */
  async ended(): Promise<void> {
    await this.#ended
    if (this.#exit !== 'exit code 0') throw new Error(`${this.#options.name} has ended (${this.#exit}):\n${this.#errors.join('\n')}`)
  }

  async stop(): Promise<void> {
    this.#isStopping = true
    this.#child.kill('SIGTERM')
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_WITHIN_MS)
    await this.#ended
    clearTimeout(timer)
  }

  async kill(): Promise<void> {
    this.#isStopping = true
    this.#child.kill('SIGKILL')
    await this.#ended
  }

  #listen(stream: NodeJS.ReadableStream | null, onLine: (line: string) => void): void {
    if (stream !== null) createInterface({ input: stream }).on('line', onLine)
  }
}
