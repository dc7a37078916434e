import { Worker } from 'node:worker_threads'
import type { ThreadSnapshot } from '../engine/thread-statistics.ts'
import { PersonsMistake } from './exit.ts'
import type { FromWorker, StreamWorkerData, ToWorker } from './stream-worker-messages.ts'

const WORKER_FILE = new URL('./stream-worker.ts', import.meta.url)

interface RunningWorker {
  readonly worker: Worker
  readonly ended: Promise<void>
  snapshot: ThreadSnapshot | undefined
}

/** The worker threads of a processor: one stream thread each. */
export class StreamWorkers {
  /** Rejects when a stream thread cannot go on. */
  readonly failed: Promise<never>
  /** Milliseconds from the start of the process to the first committed transaction. */
  firstCommitMs: number | undefined
  readonly #workers: RunningWorker[]
  readonly #say: (line: string) => void
  readonly #expiries = new Map<number, { left: number; expired: number; resolve: (expired: number) => void }>()
  #nextRequest = 0
  #mayEnd = false
  #fail: (error: Error) => void = () => {}

  /** They load what they need at once, 0.2 s of work, and wait for `start`. */
  constructor(count: number, say: (line: string) => void) {
    this.#say = say
    this.failed = new Promise((_, reject) => {
      this.#fail = reject
    })
    // Whoever waits for it learns of it; who has stopped waiting need not.
    this.failed.catch(() => {})
    this.#workers = Array.from({ length: count }, (_, number) => this.#load(number))
  }

  /** One for each worker. */
  start(threads: readonly StreamWorkerData[]): void {
    for (const [number, { worker }] of this.#workers.entries()) {
      const data = threads[number]
      if (data !== undefined) worker.postMessage({ type: 'start', data } satisfies ToWorker)
    }
  }

  get snapshots(): ThreadSnapshot[] {
    return this.#workers.flatMap(({ snapshot }) => snapshot ?? [])
  }

  /** Expires what is due in every thread; answers how many trades did. */
  expire(): Promise<number> {
    const request = this.#nextRequest++
    return new Promise((resolve) => {
      this.#expiries.set(request, { left: this.#workers.length, expired: 0, resolve })
      this.#tell({ type: 'expire', request })
    })
  }

  /** Resolves when every thread has committed what it had and ended. */
  async stop(how: 'leave' | 'stay'): Promise<void> {
    this.#mayEnd = true
    this.#tell({ type: 'stop', how })
    await Promise.race([Promise.all(this.#workers.map(({ ended }) => ended)), this.failed])
  }

  async terminate(): Promise<void> {
    this.#mayEnd = true
    await Promise.all(this.#workers.map(({ worker }) => worker.terminate()))
  }

  #load(number: number): RunningWorker {
    const worker = new Worker(WORKER_FILE, { name: `stream ${number}` })
    const ended = new Promise<void>((resolve) => {
      worker.once('exit', (code) => {
        if (!this.#mayEnd) this.#fail(new PersonsMistake(`stream thread ${number} has ended by itself, with code ${code}; does the topology call process.exit?`))
        resolve()
      })
    })
    const running: RunningWorker = { worker, ended, snapshot: undefined }
    worker.on('message', (message: FromWorker) => this.#hear(running, message))
    worker.once('error', (error) => this.#fail(error instanceof Error ? error : new Error(String(error))))
    return running
  }

  #hear(running: RunningWorker, message: FromWorker): void {
    switch (message.type) {
      case 'status':
      case 'stopped':
        running.snapshot = message.snapshot
        break
      case 'first-commit':
        this.firstCommitMs ??= message.atMs - performance.timeOrigin
        break
      case 'event':
        this.#say(`${message.event.kind}: ${message.event.message}`)
        break
      case 'expired':
        this.#expired(message)
        break
      case 'failed':
        this.#fail(EXPECTED.has(message.name) ? new PersonsMistake(message.message) : Object.assign(new Error(message.message), { stack: message.stack }))
        break
    }
  }

  #expired({ request, count }: { request: number; count: number }): void {
    const expiry = this.#expiries.get(request)
    if (expiry === undefined) return
    expiry.expired += count
    if (--expiry.left > 0) return
    this.#expiries.delete(request)
    expiry.resolve(expiry.expired)
  }

  #tell(message: ToWorker): void {
    for (const { worker } of this.#workers) worker.postMessage(message)
  }
}

/** Errors whose message says what to do. */
const EXPECTED = new Set(['StreamThreadFatalError', 'StateDirectoryError', 'StoreFailedError', 'KafkaError', 'UnsupportedVersionError', 'PersonsMistake', 'TopologyError'])
