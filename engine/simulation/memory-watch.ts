import type { HeldMemory } from '../thread-statistics.ts'
import type { Scheduler } from './scheduler.ts'
import type { InstanceSettings, SimulatedInstance } from './simulated-instance.ts'

export interface MemoryWatchOptions {
  readonly instances: readonly SimulatedInstance[]
  readonly settings: InstanceSettings
  /** Of the cluster. */
  readonly nodes: number
  readonly scheduler: Scheduler
  readonly violations: string[]
}

const LOOK_MS = 50
/** Then every run is over: where all wait for each other nothing else must seem to happen. */
const LOOKS = 100_000
/** Of one partition: the chunk with which the limit is passed, and what the fetcher had under way then, an answer that waits and one that is on its way. */
const CHUNKS_BEYOND = 3
/** Answers of one node that may wait to be taken, each with one chunk of a partition. A partition whose leader moves while nobody takes them may have such chunks of every node (seed 115). */
const ANSWERS_OF_NODE = 2

/** Looks again and again whether the stream threads keep no more than they promise. The first time that one does not is told. */
export class MemoryWatch {
  readonly #options: MemoryWatchOptions
  /** By instance: what it held at the last look, and in which process. */
  readonly #before = new Map<SimulatedInstance, { starts: number; held: HeldMemory }>()
  readonly #told = new Set<SimulatedInstance>()
  #looks = 0

  constructor(options: MemoryWatchOptions) {
    this.#options = options
  }

  start(): void {
    this.#options.scheduler.after(LOOK_MS, () => {
      for (const instance of this.#options.instances) this.#look(instance)
      if (++this.#looks < LOOKS) this.start()
    })
  }

  #look(instance: SimulatedInstance): void {
    const { held, starts, name } = instance
    if (held === undefined || this.#told.has(instance)) return
    const before = this.#before.get(instance)
    const fault = overdraft(held, before?.starts === starts ? before.held : undefined, { ...this.#options.settings, nodes: this.#options.nodes })
    this.#before.set(instance, { starts, held })
    if (fault === undefined) return
    this.#told.add(instance)
    this.#options.violations.push(`${name} keeps more than it promises: ${fault}`)
  }
}

type Bounds = Pick<InstanceSettings, 'maxBufferedBytes' | 'producers'> & Pick<MemoryWatchOptions, 'nodes'>

/** What is beyond its bounds; `before`: at the last look at the same thread. */
export function overdraft(held: HeldMemory, before: HeldMemory | undefined, { maxBufferedBytes, producers, nodes }: Bounds): string | undefined {
  for (const { topic, partition, chunkBytes } of held.queues) {
    const bytes = sum(chunkBytes.slice(0, -CHUNKS_BEYOND))
    if (bytes > maxBufferedBytes) return `${topic}-${partition} was fetched although ${bytes} bytes were waiting, and ${maxBufferedBytes} may`
  }
  const chunks = ANSWERS_OF_NODE * nodes * Math.max(1, held.queues.length)
  if (held.fetchedChunks > chunks) return `${held.fetchedChunks} fetched chunks wait, ${chunks} may`
  if (held.commitsInFlight > producers) return `${held.commitsInFlight} transactions are being committed by ${producers} producers`
  const { open } = held
  if (before?.open.isFull && open.number === before.open.number && open.bytes > before.open.bytes) return `a transaction that was full with ${before.open.bytes} bytes has grown to ${open.bytes}`
  return undefined
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
