import { StreamsBuilder } from '../../engine/dsl/streams-builder.ts'
import { keyValueStore } from '../../engine/key-value-store.ts'
import type { Processor, ProcessorContext, StreamRecord } from '../../engine/processor.ts'
import { json } from '../../serdes/json.ts'
import { string } from '../../serdes/string.ts'

// A processor of one's own, with a store and two outputs: orders that are older than what is known of them go another way.
interface Order {
  readonly revision: number
  readonly amount: number
}

function revisions(context: ProcessorContext): Processor<string, Order> {
  const latest = keyValueStore<string, Order>(context, 'latest-orders', { key: string, value: json<Order>() })
  const accepted = context.output<string, Order>('accepted')
  const late = context.output<string, Order>('late')
  return {
    process(record: StreamRecord<string, Order>) {
      const { key, value } = record
      if (key === undefined || value === undefined) return
      const known = latest.get(key)
      if (known !== undefined && value.revision <= known.revision) return late(record)
      latest.put(key, value, record.timestamp)
      accepted(record)
    },
  }
}

const builder = new StreamsBuilder().store({ name: 'latest-orders' }).deadLettersTo('orders.dead-letter')
const orders = { key: string, value: json<Order>() }
const outcome = builder.stream('orders', orders).process<{ accepted: [string, Order]; late: [string, Order] }>('revisions', revisions, { stores: ['latest-orders'] })
outcome.output('accepted').to('orders.accepted', orders)
outcome.output('late').to('orders.late', orders)

export const topology = builder.build()
