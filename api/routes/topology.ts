import { Type } from 'typebox'
import type { SubTopology, TopologyNode } from '../../engine/topology.ts'
import { allow, type Gateway, type GatewayServer } from '../gateway-parts.ts'
import type { GroupLook } from '../live/group-watch.ts'
import type { Live } from '../live/live.ts'
import { ProblemAnswer } from '../problem.ts'
import type { ProcessorStatus } from '../queries/instance-status.ts'
import { rounded } from './live.ts'

const nullable = <Schema extends Type.TSchema>(schema: Schema) => Type.Union([schema, Type.Null()])
const Rate = nullable(Type.Number({ description: 'Null: it is the first look, or not known of this node' }))

const NodeSchema = Type.Object({
  name: Type.String(),
  type: Type.Union([Type.Literal('source'), Type.Literal('processor'), Type.Literal('sink'), Type.Literal('store')]),
  topics: Type.Array(Type.String()),
  successors: Type.Array(Type.String()),
  stores: Type.Array(Type.String()),
  records_per_second: Rate,
  records_total: nullable(Type.Integer({ description: 'Since the instances started that run now' })),
})

const TopologySchema = Type.Object({
  sub_topologies: Type.Array(Type.Object({ id: Type.Integer(), nodes: Type.Array(NodeSchema) })),
  lag: Type.Record(Type.String(), Type.Integer(), { description: 'Of each source topic' }),
  stores: Type.Array(Type.Object({ name: Type.String(), entries: Type.Integer(), size_bytes: Type.Integer(), tasks: Type.Integer() })),
})

interface Figures {
  readonly perSecond: number | undefined
  readonly total: number | undefined
}

const UNKNOWN: Figures = { perSecond: undefined, total: undefined }

/** The graph of the application, with what flows through it. */
export function topologyRoutes(server: GatewayServer, gateway: Gateway, live: Live): void {
  server.get('/topology', {
    schema: {
      operationId: 'getTopology',
      summary: 'Sources, processors, stores and sinks of the application, with rates, lag and store sizes',
      description: 'Rates are of what is committed. Nothing is counted for this: a source has the rate of the committed offsets, a sink and a store that of the records in committed transactions, a processor that of the sources before it.',
      tags: ['live'],
      response: { 200: TopologySchema, 503: ProblemAnswer },
    },
    onRequest: allow(gateway, 'trades:read'),
    async handler() {
      const { look, instances } = await live.instances.look()
      const processors = instances.flatMap(({ status }) => (status?.role === 'processor' ? [status] : []))
      const group = look.groups.find(({ role }) => role === 'processor')
      const written = writtenBy(processors)
      const figuresOf = (part: SubTopology, node: TopologyNode): Figures => {
        if (node.kind === 'source') return sourceFigures(node.topic, group, processors, part)
        if (node.kind === 'sink') return countedFigures(`topic ${node.topic}`, written[node.topic] ?? 0)
        return sumOf(node.parents.map(({ node: parent }) => part.nodes.find(({ name }) => name === parent)).map((parent) => (parent?.kind === 'source' ? figuresOf(part, parent) : UNKNOWN)))
      }
      return {
        sub_topologies: live.topology.map((part) => ({
          id: part.id,
          nodes: [...part.nodes.map((node) => nodeBody(part, node, figuresOf(part, node))), ...part.stores.map(({ name }) => storeNode(name, countedFigures(`store ${name}`, written[live.changelogOf(name)] ?? 0)))],
        })),
        lag: lagByTopic(group),
        stores: storesOf(processors),
      }
    },
  })

  function countedFigures(name: string, total: number): Figures {
    return { total, perSecond: live.instances.rates.perSecond(`topology ${name}`, gateway.clock.monotonicMs(), total) }
  }
}

/** Offsets of the source as the group commits them; the total is what the threads have committed, where they read nothing else. */
function sourceFigures(topic: string, group: GroupLook | undefined, processors: readonly ProcessorStatus[], { sourceTopics }: SubTopology): Figures {
  const rates = (group?.partitions ?? []).filter((partition) => partition.topic === topic).map(({ committedPerSecond }) => committedPerSecond)
  const perSecond = rates.length === 0 || rates.includes(undefined) ? undefined : rates.reduce<number>((sum, rate) => sum + (rate ?? 0), 0)
  return { perSecond, total: sourceTopics.length === 1 ? processors.reduce((sum, { thread }) => sum + thread.recordsCommitted, 0) : undefined }
}

function sumOf(all: readonly Figures[]): Figures {
  const sum = (pick: (figures: Figures) => number | undefined) => all.reduce<number | undefined>((total, one) => (total === undefined || pick(one) === undefined ? undefined : total + (pick(one) ?? 0)), 0)
  return { perSecond: sum(({ perSecond }) => perSecond), total: sum(({ total }) => total) }
}

function writtenBy(processors: readonly ProcessorStatus[]): Readonly<Record<string, number>> {
  const written: Record<string, number> = {}
  for (const { thread } of processors) for (const [topic, count] of Object.entries(thread.recordsWritten)) written[topic] = (written[topic] ?? 0) + count
  return written
}

function nodeBody(part: SubTopology, node: TopologyNode, figures: Figures): Type.Static<typeof NodeSchema> {
  const children = part.nodes.filter((child) => child.kind !== 'source' && child.parents.some((parent) => parent.node === node.name)).map(({ name }) => name)
  return {
    name: node.name,
    type: node.kind,
    topics: node.kind === 'processor' ? [] : [node.topic],
    successors: node.kind === 'sink' ? [] : [...new Set(children)],
    stores: node.kind === 'processor' ? [...node.stores] : [],
    ...figuresBody(figures),
  }
}

function storeNode(name: string, figures: Figures): Type.Static<typeof NodeSchema> {
  return { name, type: 'store', topics: [], successors: [], stores: [], ...figuresBody(figures) }
}

function figuresBody({ perSecond, total }: Figures): { records_per_second: number | null; records_total: number | null } {
  return { records_per_second: perSecond === undefined ? null : rounded(perSecond), records_total: total ?? null }
}

function lagByTopic(group: GroupLook | undefined): Record<string, number> {
  const lag: Record<string, number> = {}
  for (const partition of group?.partitions ?? []) lag[partition.topic] = (lag[partition.topic] ?? 0) + partition.lag
  return lag
}

function storesOf(processors: readonly ProcessorStatus[]): { name: string; entries: number; size_bytes: number; tasks: number }[] {
  const stores = new Map<string, { name: string; entries: number; size_bytes: number; tasks: number }>()
  for (const { name, keys, sizeBytes } of processors.flatMap(({ thread }) => thread.tasks.flatMap((task) => task.stores))) {
    const sum = stores.get(name) ?? { name, entries: 0, size_bytes: 0, tasks: 0 }
    stores.set(name, { name, entries: sum.entries + keys, size_bytes: sum.size_bytes + sizeBytes, tasks: sum.tasks + 1 })
  }
  return [...stores.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1))
}
