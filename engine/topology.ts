import type { Serde } from '../serdes/serde.ts'
import type { ProcessorSupplier } from './processor.ts'

/** A mistake in how a topology is put together. */
export class TopologyError extends Error {
  override readonly name = 'TopologyError'
}

/** How a state store is kept. */
export interface StoreDefinition {
  readonly name: string
  /** Leading bytes of each value that stay in memory beside the index, for `peek`. Default 0. */
  readonly prefixBytes?: number
  /** Settings of the changelog topic beside cleanup.policy=compact. */
  readonly changelogConfigs?: ReadonlyMap<string, string>
  /** `log` (default): a file that is a local copy of the changelog. `memory`: rebuilt from the changelog at each start. */
  readonly kind?: 'log' | 'memory'
}

/** Where a node hangs: below another node, on one of its outputs (`context.output(name)`). */
export interface Parent {
  readonly node: string
  readonly output: string
}

export interface SourceNode {
  readonly kind: 'source'
  readonly name: string
  readonly topic: string
  readonly key: Serde<unknown>
  readonly value: Serde<unknown>
}

export interface ProcessorNode {
  readonly kind: 'processor'
  readonly name: string
  readonly supplier: ProcessorSupplier<unknown, unknown>
  readonly parents: readonly Parent[]
  readonly stores: readonly string[]
}

export interface SinkNode {
  readonly kind: 'sink'
  readonly name: string
  readonly topic: string
  readonly key: Serde<unknown>
  readonly value: Serde<unknown>
  readonly parents: readonly Parent[]
}

export type TopologyNode = SourceNode | ProcessorNode | SinkNode

/** A connected part of the graph: nodes that share edges, and processors that share stores. Its tasks are numbered by partition. */
export interface SubTopology {
  readonly id: number
  readonly nodes: readonly TopologyNode[]
  readonly stores: readonly StoreDefinition[]
  readonly sourceTopics: readonly string[]
}

/** Outputs of nodes with one way out hang on this name. */
export const DEFAULT_OUTPUT = 'out'

/** The graph of an application: sources, processors, stores and sinks. Nodes are added parents first; names are unique. */
export class Topology {
  readonly #nodes = new Map<string, TopologyNode>()
  readonly #stores = new Map<string, StoreDefinition>()
  #deadLetterTopic: string | undefined

  addSource(node: Omit<SourceNode, 'kind'>): this {
    for (const other of this.#nodes.values()) {
      if (other.kind === 'source' && other.topic === node.topic) {
        throw new TopologyError(`topic ${node.topic} is read by source ${other.name} already; hang ${node.name} below that source`)
      }
    }
    return this.#add({ kind: 'source', ...node })
  }

  addProcessor(node: Omit<ProcessorNode, 'kind'>): this {
    this.#checkParents(node.name, node.parents)
    for (const store of node.stores) {
      if (!this.#stores.has(store)) throw new TopologyError(`processor ${node.name} uses store ${store}, which does not exist; add it first (known: ${[...this.#stores.keys()].join(', ') || 'none'})`)
    }
    return this.#add({ kind: 'processor', ...node })
  }

  addSink(node: Omit<SinkNode, 'kind'>): this {
    this.#checkParents(node.name, node.parents)
    return this.#add({ kind: 'sink', ...node })
  }

  addStore(store: StoreDefinition): this {
    if (this.#stores.has(store.name)) throw new TopologyError(`store ${store.name} exists already; names of stores are unique in a topology`)
    this.#stores.set(store.name, store)
    return this
  }

  /** Records that make a processor or a serde throw, or that the broker refuses, go here in the same transaction instead of stopping the application. */
  deadLettersTo(topic: string): this {
    this.#deadLetterTopic = topic
    return this
  }

  get deadLetterTopic(): string | undefined {
    return this.#deadLetterTopic
  }

  /** Topics that are written to, the dead-letter topic included. */
  get sinkTopics(): string[] {
    const topics = new Set<string>()
    for (const node of this.#nodes.values()) if (node.kind === 'sink') topics.add(node.topic)
    if (this.#deadLetterTopic !== undefined) topics.add(this.#deadLetterTopic)
    return [...topics].sort()
  }

  /** The connected parts, in the order in which their first node was added. */
  subTopologies(): SubTopology[] {
    const groups = new Map<string, string>()
    const root = (name: string): string => {
      const up = groups.get(name) ?? name
      return up === name ? name : root(up)
    }
    const join = (a: string, b: string) => groups.set(root(b), root(a))
    const storeUser = new Map<string, string>()
    for (const node of this.#nodes.values()) {
      if (node.kind !== 'source') for (const parent of node.parents) join(parent.node, node.name)
      if (node.kind !== 'processor') continue
      for (const store of node.stores) {
        const user = storeUser.get(store)
        if (user === undefined) storeUser.set(store, node.name)
        else join(user, node.name)
      }
    }
    const parts = new Map<string, TopologyNode[]>()
    for (const node of this.#nodes.values()) {
      const part = parts.get(root(node.name))
      if (part === undefined) parts.set(root(node.name), [node])
      else part.push(node)
    }
    return [...parts.values()].map((nodes, id) => this.#subTopology(id, nodes))
  }

  #subTopology(id: number, nodes: TopologyNode[]): SubTopology {
    const stores = new Set<string>()
    const sourceTopics: string[] = []
    for (const node of nodes) {
      if (node.kind === 'source') sourceTopics.push(node.topic)
      if (node.kind === 'processor') for (const store of node.stores) stores.add(store)
    }
    if (sourceTopics.length === 0) throw new TopologyError(`nodes ${nodes.map((node) => node.name).join(', ')} hang on no source; nothing would ever reach them`)
    return { id, nodes, sourceTopics, stores: [...this.#stores.values()].filter((store) => stores.has(store.name)) }
  }

  #add(node: TopologyNode): this {
    if (this.#nodes.has(node.name)) throw new TopologyError(`node ${node.name} exists already; names of nodes are unique in a topology`)
    this.#nodes.set(node.name, node)
    return this
  }

  #checkParents(name: string, parents: readonly Parent[]): void {
    if (parents.length === 0) throw new TopologyError(`node ${name} has no parent; hang it below a source or a processor`)
    for (const { node } of parents) {
      const parent = this.#nodes.get(node)
      if (parent === undefined) throw new TopologyError(`node ${name} hangs below ${node}, which does not exist; add ${node} first`)
      if (parent.kind === 'sink') throw new TopologyError(`node ${name} hangs below ${node}, which is a sink; sinks have no children`)
    }
  }
}
