import type { Metadata, NewTopic } from '../../../ports/broker.ts'
import type { Clock } from '../../../ports/clock.ts'
import { sleep } from '../../../ports/clock.ts'
import type { Random } from '../../../ports/random.ts'
import type { ClusterNodes } from './cluster-nodes.ts'
import type { CoordinatorShard } from './coordinator-topic.ts'
import { ERROR } from './error-code.ts'
import type { Partition } from './partition.ts'
import type { Topic, Topics } from './topics.ts'

export interface ControllerOptions {
  readonly clock: Clock
  readonly random: Random
  readonly clusterId: string
  readonly nodes: ClusterNodes
  readonly topics: Topics
  /** Until a broker that was killed is missed. */
  readonly failoverMs: number
  /** Between the making of a topic and its first leaders. */
  readonly electionMs: () => number
  /** The partition of the offsets, or of the transactions, that a key belongs to. */
  readonly shardOf: (type: 'group' | 'transaction', key: string) => CoordinatorShard
  readonly leaderChanged: (partition: Partition) => void
  readonly topicDeleted: (topic: Topic) => void
}

/** Who leads what: topics come and go, leaders fail and are replaced. */
export class Controller {
  readonly #options: ControllerOptions

  constructor(options: ControllerOptions) {
    this.#options = options
  }

  metadata(names: readonly string[] | undefined): Metadata {
    const { clusterId, nodes, topics } = this.#options
    const asked = names ?? [...topics.all].map(({ name }) => name)
    return {
      clusterId,
      controller: nodes.up[0] ?? -1,
      // a broker that has just died is still in the list, as long as nobody has missed it
      nodes: nodes.ids.map((node) => ({ node, host: `node-${node}`, port: 9092, rack: undefined })),
      topics: asked.map((name) => topics.metadata(name)),
    }
  }

  /** The topics of the coordinators are made when somebody asks for one for the first time; who asked meanwhile is put off. */
  findCoordinator(type: 'group' | 'transaction', key: string): { errorCode: number; node: number } {
    const { partition } = this.#options.shardOf(type, key)
    const { leader } = partition
    if (leader !== undefined) return { errorCode: ERROR.NONE, node: leader }
    return { errorCode: ERROR.COORDINATOR_NOT_AVAILABLE, node: -1 }
  }

  async createTopics(made: readonly NewTopic[]): Promise<{ name: string; errorCode: number; errorMessage: string | undefined }[]> {
    const { topics } = this.#options
    return made.map((topic) => {
      const isTwice = made.some((other) => other !== topic && other.name === topic.name)
      const fault = isTwice ? { errorCode: ERROR.INVALID_REQUEST, errorMessage: 'Duplicate topic name.' } : topics.fault(topic)
      if (fault) return { name: topic.name, ...fault }
      this.electSoon(topics.create(topic).partitions)
      return { name: topic.name, errorCode: ERROR.NONE, errorMessage: undefined }
    })
  }

  async deleteTopics(names: readonly string[]): Promise<{ name: string; errorCode: number }[]> {
    return names.map((name) => {
      const topic = this.#options.topics.delete(name)
      if (!topic) return { name, errorCode: ERROR.UNKNOWN_TOPIC_OR_PARTITION }
      for (const partition of topic.partitions) partition.abandon()
      this.#options.topicDeleted(topic)
      return { name, errorCode: ERROR.NONE }
    })
  }

  describeTopicConfigs(names: readonly string[]): { name: string; errorCode: number; configs: Map<string, string> }[] {
    return names.map((name) => {
      const topic = this.#options.topics.get(name)
      return { name, errorCode: topic ? ERROR.NONE : ERROR.UNKNOWN_TOPIC_OR_PARTITION, configs: topic?.configs.all ?? new Map() }
    })
  }

  /** The first leaders of new partitions. */
  electSoon(partitions: readonly Partition[]): void {
    const { clock, electionMs } = this.#options
    void sleep(clock, electionMs()).then(() => {
      for (const partition of partitions) if (partition.leader === undefined) this.elect(partition)
    })
  }

  /** Somebody in sync who is up, rather not `avoided`. */
  elect(partition: Partition, avoided?: number): void {
    const { nodes, random } = this.#options
    const present = partition.inSync.filter((node) => nodes.isUp(node))
    const [next] = [...present.filter((node) => node !== avoided), ...present]
    if (next === undefined) partition.abandon()
    else this.#lead(partition, next, random)
    this.#options.leaderChanged(partition)
  }

  /** In good order, to `node`, or to any other that is in sync. */
  move(partition: Partition, node?: number): void {
    const { nodes, random } = this.#options
    const candidates = partition.inSync.filter((other) => other !== partition.leader && nodes.isUp(other) && (node === undefined || other === node))
    const next = candidates[Math.floor(random.next() * candidates.length)]
    if (next === undefined || !partition.leaderIsUp) return
    this.#lead(partition, next, random)
    this.#options.leaderChanged(partition)
  }

  /** `isClean`: it hands over first. Otherwise it is missed after a while. */
  crash(node: number, isClean: boolean): void {
    const { nodes, topics, clock, failoverMs } = this.#options
    if (!nodes.isUp(node)) return
    if (isClean) for (const partition of topics.partitions()) if (partition.leader === node) this.move(partition)
    nodes.stop(node)
    if (isClean) return this.#missed(node)
    clock.after(failoverMs, () => {
      if (!nodes.isUp(node)) this.#missed(node)
    })
  }

  /** It is let in as a new broker: what it led, if nobody has missed it, goes to another one. */
  restart(node: number): void {
    const { nodes, topics } = this.#options
    if (nodes.isUp(node)) return
    nodes.start(node)
    for (const partition of topics.partitions()) {
      if (!partition.replicas.includes(node)) continue
      if (partition.leader === node || partition.leader === undefined) this.elect(partition, node)
      else partition.membersChanged()
    }
  }

  #missed(node: number): void {
    for (const partition of this.#options.topics.partitions()) {
      if (!partition.replicas.includes(node)) continue
      if (partition.leader === node) this.elect(partition)
      else partition.membersChanged()
    }
  }

  /** What only the old leader had may be lost: the new one has fetched a part of it. The same node has it all. */
  #lead(partition: Partition, node: number, random: Random): void {
    const { log } = partition
    const ends = [...log.cuts, log.end]
    const cut = partition.leader === node ? log.end : (ends[Math.floor(random.next() * ends.length)] ?? log.end)
    partition.lead(node, cut)
  }
}
