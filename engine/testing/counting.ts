import { string } from '../../serdes/string.ts'
import { ApplicationTopology } from '../application-topology.ts'
import { StreamsBuilder } from '../dsl/streams-builder.ts'
import { keyValueStore } from '../key-value-store.ts'
import { type Processor, type ProcessorContext, StreamRecord } from '../processor.ts'

export interface CountingOptions {
  readonly applicationId?: string
  readonly topics?: { readonly in: string; readonly out: string; readonly dead: string }
  readonly partitions?: number
  readonly deadLetters?: boolean
  /** Called with each punctuation (every second), with the way to the output. */
  readonly punctuate?: (write: (key: string, value: string) => void) => void
}

const TOPICS = { in: 'in', out: 'out', dead: 'dead' }

/** Counts the records of `in` by key, in store `counts`, and writes each count to `out`. The value `boom` throws. */
export function countingTopology({ applicationId = 'app', topics = TOPICS, partitions = 1, deadLetters = true, punctuate }: CountingOptions = {}): ApplicationTopology {
  const builder = new StreamsBuilder()
  builder.store({ name: 'counts' })
  if (deadLetters) builder.deadLettersTo(topics.dead)
  builder
    .stream(topics.in, { key: string, value: string })
    .process<{ out: [string, string] }>('count', (context) => counting(context, punctuate), { stores: ['counts'] })
    .output('out')
    .to(topics.out, { key: string, value: string })
  return new ApplicationTopology(applicationId, builder.build(), new Map(Object.values(topics).map((topic) => [topic, partitions])))
}

function counting(context: ProcessorContext, punctuate: CountingOptions['punctuate']): Processor<string, string> {
  const counts = keyValueStore(context, 'counts', { key: string, value: string })
  const out = context.output<string, string>('out')
  const next = new StreamRecord<string, string>()
  const write = (key: string, value: string, timestamp: number) => {
    next.key = key
    next.value = value
    next.timestamp = timestamp
    out(next)
  }
  if (punctuate !== undefined) context.schedule(1_000, (nowMs) => punctuate((key, value) => write(key, value, nowMs)))
  return {
    process({ key = '', value, timestamp }) {
      if (value === 'boom') throw new Error('boom')
      const count = String(Number(counts.get(key) ?? '0') + 1)
      counts.put(key, count, timestamp)
      write(key, value === 'large' ? `${count} large` : count, timestamp)
    },
  }
}
