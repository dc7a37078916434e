import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { PersonsMistake } from '../exit.ts'

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url))

/** A role of the demo in a process of its own, as in production. It tells its status over the IPC channel. */
export class Role<Status> {
  readonly name: string
  /** The last thing that it said of itself. */
  status: Status | undefined
  readonly #child: ChildProcess
  readonly #ended: Promise<void>
  #exit: string | undefined
  #stopping = false

  /** `environment`: of the new process. Default: that of this one. */
  constructor(name: string, argv: readonly string[], onLine: (line: string) => void, environment: NodeJS.ProcessEnv = process.env) {
    this.name = name
    this.#child = spawn(process.execPath, ['--no-warnings', MAIN, ...argv], { stdio: ['ignore', 'pipe', 'pipe', 'ipc'], env: environment })
    this.#child.on('message', (message: Status) => {
      this.status = message
    })
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      if (!stream) continue
      createInterface({ input: stream }).on('line', (line) => {
        if (line.trim() !== '') onLine(`${name}: ${line}`)
      })
    }
    this.#ended = new Promise((resolve) => {
      // not 'exit': what it said last may still be on its way then
      this.#child.once('close', (code, signal) => {
        this.#exit = signal ?? `exit code ${code}`
        resolve()
      })
    })
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  /** How it ended: a signal, or `exit code n`; `undefined`: it runs, or its last words are still to come. */
  get exit(): string | undefined {
    return this.#exit
  }

  /** Throws if the process has ended by itself. */
  check(): void {
    if (this.#exit !== undefined && !this.#stopping) throw new PersonsMistake(`${this.name} has ended (${this.#exit}); its last words are above`)
  }

  /** SIGTERM; after `timeoutMs` SIGKILL. Answers whether it went by itself, with exit code 0. */
  async stop(timeoutMs: number): Promise<boolean> {
    this.#stopping = true
    if (this.#exit === undefined) this.#child.kill('SIGTERM')
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), timeoutMs)
    await this.#ended
    clearTimeout(timer)
    return this.#exit === 'exit code 0'
  }

  /** SIGKILL, or another signal: for tests and benchmarks of what comes after. */
  kill(signal: NodeJS.Signals = 'SIGKILL'): void {
    if (signal === 'SIGKILL') this.#stopping = true
    this.#child.kill(signal)
  }

  /** Resolves when the process has ended and all that it said was told. */
  get ended(): Promise<void> {
    return this.#ended
  }
}
