import type { SubTopology, Topology, TopologyNode } from './topology.ts'

/** The topology as text, in the form of Kafka Streams' `Topology.describe().toString()`, so that its visualisers read it. */
export function describeTopology(topology: Topology): string {
  return `Topologies:\n${topology.subTopologies().map(describeSubTopology).join('\n')}`
}

function describeSubTopology(part: SubTopology): string {
  const lines = [`   Sub-topology: ${part.id}`]
  for (const node of part.nodes) {
    lines.push(`    ${headline(node)}`)
    if (node.kind !== 'sink') lines.push(`      --> ${names(childrenOf(part, node))}`)
    if (node.kind !== 'source') lines.push(`      <-- ${names(node.parents.map((parent) => parent.node))}`)
  }
  return `${lines.join('\n')}\n`
}

function headline(node: TopologyNode): string {
  switch (node.kind) {
    case 'source':
      return `Source: ${node.name} (topics: [${node.topic}])`
    case 'processor':
      return `Processor: ${node.name} (stores: [${node.stores.join(', ')}])`
    case 'sink':
      return `Sink: ${node.name} (topic: ${node.topic})`
  }
}

function childrenOf(part: SubTopology, node: TopologyNode): string[] {
  return part.nodes.filter((child) => child.kind !== 'source' && child.parents.some((parent) => parent.node === node.name)).map((child) => child.name)
}

function names(list: string[]): string {
  return list.length === 0 ? 'none' : [...new Set(list)].join(', ')
}
