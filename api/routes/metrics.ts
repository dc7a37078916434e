import type { FastifyReply, FastifyRequest } from 'fastify'
import { DurationHistogram, type Labels, type Metric, METRICS_TYPE, metricsText } from '../../observability/metrics-text.ts'
import { allow, type Gateway, type GatewayServer } from '../gateway-parts.ts'
import { nameOf } from '../live/group-members.ts'
import type { PartitionLook } from '../live/group-watch.ts'
import type { InstanceLook, InstancesLook } from '../live/instance-watch.ts'
import type { Live } from '../live/live.ts'
import type { ProcessorStatus, SinkStatus } from '../queries/instance-status.ts'

const DURATION = 'http_server_request_duration_seconds'
/** It ends when its listener goes, which says nothing of how fast it was answered. */
const ENDLESS = '/api/v1/events'

/** `GET /metrics`: this gateway's own figures, the lag of the groups, and what processors and sinks say of themselves when they are asked, that is now. */
export function metricRoutes(server: GatewayServer, gateway: Gateway, live: Live): void {
  const durations = new Map<string, { readonly labels: Labels; readonly histogram: DurationHistogram }>()
  server.addHook('onResponse', async (request: FastifyRequest, reply: FastifyReply) => {
    // What no route was found for is one: its addresses are without number.
    const route = request.routeOptions.url ?? 'none'
    if (route === ENDLESS) return
    const key = `${request.method} ${route} ${reply.statusCode}`
    let found = durations.get(key)
    if (found === undefined) {
      found = { labels: { http_request_method: request.method, http_route: route, http_response_status_code: reply.statusCode }, histogram: new DurationHistogram() }
      durations.set(key, found)
    }
    found.histogram.observe(reply.elapsedTime / 1_000)
  })

  server.get('/metrics', {
    schema: { hide: true },
    onRequest: allow(gateway, 'trades:read'),
    async handler(_request, reply) {
      // Without Kafka there are the figures of the gateway, and that it is away.
      const look = await live.instances.look().catch(() => undefined)
      const { user, system } = process.cpuUsage()
      const own: Metric[] = [
        { name: DURATION, type: 'histogram', help: 'Time from a request to its answer', samples: [...durations.values()].flatMap(({ labels, histogram }) => [...histogram.samples(DURATION, labels)]) },
        gauge('tradewind_event_listeners', 'Who listens to the live feed', [{ labels: {}, value: live.feed.listeners }]),
        gauge('tradewind_kafka_up', 'Whether Kafka answers this gateway', [{ labels: {}, value: look === undefined ? 0 : 1 }]),
        counter('process_cpu_seconds_total', 'CPU of this gateway', [{ labels: {}, value: (user + system) / 1e6 }]),
        gauge('process_resident_memory_bytes', 'Memory of this gateway', [{ labels: {}, value: process.memoryUsage.rss() }]),
      ]
      await sendText(reply, metricsText([...own, ...(look === undefined ? [] : [...lagMetrics(look), ...processorMetrics(look), ...sinkMetrics(look)])]))
    },
  })
}

async function sendText(reply: FastifyReply, text: string): Promise<void> {
  await reply.type(METRICS_TYPE).send(text)
}

type Samples = readonly { readonly labels: Labels; readonly value: number }[]

function gauge(name: string, help: string, samples: Samples): Metric {
  return { name, type: 'gauge', help, samples }
}

function counter(name: string, help: string, samples: Samples): Metric {
  return { name, type: 'counter', help, samples }
}

/** Named as kafka_exporter and kafka-lag-exporter name them. */
function lagMetrics({ look: { groups } }: InstancesLook): Metric[] {
  const each = (pick: (partition: PartitionLook) => number | undefined, groupLabel = 'consumergroup') =>
    groups.flatMap(({ group, partitions }) =>
      partitions.flatMap((partition) => {
        const value = pick(partition)
        return value === undefined ? [] : [{ labels: { [groupLabel]: group, topic: partition.topic, partition: partition.partition }, value }]
      }),
    )
  const sums = groups.flatMap(({ group, partitions }) =>
    [...new Set(partitions.map(({ topic }) => topic))].map((topic) => ({ labels: { consumergroup: group, topic }, value: partitions.filter((partition) => partition.topic === topic).reduce((sum, { lag }) => sum + lag, 0) })),
  )
  return [
    gauge('kafka_consumergroup_lag', 'Records between the committed offset and the last stable one', each(({ lag }) => lag)),
    gauge('kafka_consumergroup_current_offset', 'Committed offset', each(({ committed }) => committed)),
    gauge('kafka_consumergroup_lag_sum', 'Lag of all partitions', sums),
    gauge('kafka_consumergroup_group_lag_seconds', 'Age of the oldest record that was not worked off', each(({ lagSeconds }) => lagSeconds, 'group')),
    gauge('kafka_consumergroup_members', 'Members of the group', groups.map(({ group, members }) => ({ labels: { consumergroup: group }, value: members.length }))),
  ]
}

/** In the vocabulary of Kafka Streams: thread, task, store. */
function processorMetrics({ instances }: InstancesLook): Metric[] {
  const threads = instances.flatMap((instance): { labels: Labels; status: ProcessorStatus }[] => (instance.status?.role === 'processor' ? [{ labels: { thread: nameOf(instance.member) }, status: instance.status }] : []))
  const each = (pick: (status: ProcessorStatus) => number) => threads.map(({ labels, status }) => ({ labels, value: pick(status) }))
  const tasks = threads.flatMap(({ labels, status }) => status.thread.tasks.map((task) => ({ labels: { ...labels, task: task.id }, task })))
  const stores = tasks.flatMap(({ labels, task }) => task.stores.map((store) => ({ labels: { ...labels, store: store.name }, store })))
  return [
    gauge('tradewind_instance_up', 'Whether a member of a group answers', instances.map((instance) => ({ labels: { instance: nameOf(instance.member), role: instance.role }, value: instance.status === undefined ? 0 : 1 }))),
    counter('tradewind_thread_process_total', 'Records processed, those of failed transactions included', each(({ thread }) => thread.recordsProcessed)),
    counter('tradewind_thread_committed_records_total', 'Records in committed transactions', each(({ thread }) => thread.recordsCommitted)),
    counter('tradewind_thread_commit_total', 'Committed transactions', each(({ thread }) => thread.transactionsCommitted)),
    counter('tradewind_thread_commit_failed_total', 'Failed transactions', each(({ thread }) => thread.transactionsFailed)),
    counter('tradewind_thread_recoveries_total', 'Recoveries after a failed transaction', each(({ thread }) => thread.recoveries)),
    counter('tradewind_thread_restored_records_total', 'Records read from changelogs', each(({ thread }) => thread.recordsRestored)),
    counter('tradewind_thread_dead_letters_total', 'Records that were sent to the dead letters', each(({ thread }) => thread.deadLetters)),
    gauge('tradewind_task_restore_remaining_records', 'Changelog offsets still to read', tasks.flatMap(({ labels, task }) => (task.restoreRemaining === undefined ? [] : [{ labels, value: task.restoreRemaining }]))),
    gauge('tradewind_task_running', 'Whether a task runs (0: it is restoring, or on its way)', tasks.map(({ labels, task }) => ({ labels, value: task.state === 'running' ? 1 : 0 }))),
    gauge('tradewind_store_entries', 'Live keys of a store', stores.map(({ labels, store }) => ({ labels, value: store.keys }))),
    gauge('tradewind_store_size_bytes', 'Size of a store', stores.map(({ labels, store }) => ({ labels, value: store.sizeBytes }))),
  ]
}

function sinkMetrics({ instances }: InstancesLook): Metric[] {
  const sinks = instances.flatMap((instance: InstanceLook): { labels: Labels; status: SinkStatus }[] => (instance.status?.role === 'sink' ? [{ labels: { consumergroup: instance.group, instance: nameOf(instance.member) }, status: instance.status }] : []))
  const each = (pick: (status: SinkStatus) => number) => sinks.map(({ labels, status }) => ({ labels, value: pick(status) }))
  return [
    counter('tradewind_sink_rows_total', 'Rows written', each(({ rowsWritten }) => rowsWritten)),
    counter('tradewind_sink_batches_total', 'Writes', each(({ batches }) => batches)),
    counter('tradewind_sink_retries_total', 'Writes that were repeated', each(({ retries }) => retries)),
    counter('tradewind_sink_dead_letters_total', 'Records that the database refused', each(({ deadLettered }) => deadLettered)),
    gauge('tradewind_sink_paused', 'Whether somebody has paused it', each(({ isPaused }) => (isPaused ? 1 : 0))),
    gauge('tradewind_sink_circuit_open', 'Whether the circuit breaker is open, or tries', each(({ circuit }) => (circuit === 'closed' ? 0 : 1))),
  ]
}
