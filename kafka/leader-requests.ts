import type { TopicPartition } from '../ports/broker.ts'
import { ConnectionLostError } from '../ports/broker.ts'
import type { KafkaError } from '../ports/kafka-error.ts'
import { kafkaError } from './error-codes.ts'
import type { Leaders } from './leaders.ts'
import { RetryPace, type RetryContext } from './retry-pace.ts'

export interface LeaderAnswer extends TopicPartition {
  readonly errorCode: number
}

export interface LeaderRequest<Answer extends LeaderAnswer> {
  readonly context: RetryContext
  readonly leaders: Leaders
  readonly partitions: readonly TopicPartition[]
  /** Its name, for messages. */
  readonly request: string
  readonly send: (node: number, asked: readonly (TopicPartition & { currentLeaderEpoch: number })[]) => Promise<Answer[]>
  readonly deadlineMs: number
  readonly signal: AbortSignal
}

/** Asks the leader of each partition something that may be asked twice, until all have answered. Resolves in the order of the partitions. */
export async function askLeaders<Answer extends LeaderAnswer>(options: LeaderRequest<Answer>): Promise<Answer[]> {
  const { context, leaders, partitions, request, deadlineMs, signal } = options
  const answers = new Map<string, Answer>()
  const pace = new RetryPace(context, { deadlineMs, signal })
  for (;;) {
    const left = partitions.filter((at) => !answers.has(keyOf(at)))
    if (left.length === 0) break
    await leaders.find(left, { deadlineMs, signal })
    let reason: Error = new ConnectionLostError(`${request} was not answered for ${left.length} partitions`)
    const attempts = byLeader(left, leaders).map(async ([node, asked]) => {
      try {
        for (const answer of await options.send(node, asked)) {
          if (answer.errorCode === 0) answers.set(keyOf(answer), answer)
          else reason = passing(kafkaError(answer.errorCode, `${request} of ${keyOf(answer)}`))
        }
      } catch (error) {
        if (!(error instanceof ConnectionLostError)) throw error
        reason = error
      }
    })
    await Promise.all(attempts)
    const stale = new Set(left.filter((at) => !answers.has(keyOf(at))).map(({ topic }) => topic))
    if (stale.size === 0) break
    if (!(await pace.pause())) throw reason
    await leaders.tryRefresh(stale)
  }
  // the loop ends when each has one
  return partitions.map((at) => answers.get(keyOf(at)) as Answer)
}

function passing(error: KafkaError): KafkaError {
  if (error.scope === 'metadata' || error.scope === 'retriable' || error.scope === 'coordinator') return error
  throw error
}

function byLeader(partitions: readonly TopicPartition[], leaders: Leaders): [number, (TopicPartition & { currentLeaderEpoch: number })[]][] {
  const groups = new Map<number, (TopicPartition & { currentLeaderEpoch: number })[]>()
  for (const { topic, partition } of partitions) {
    const leader = leaders.leaderOf(topic, partition)
    if (!leader) continue
    const group = groups.get(leader.node) ?? []
    group.push({ topic, partition, currentLeaderEpoch: leader.leaderEpoch })
    groups.set(leader.node, group)
  }
  return [...groups]
}

function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`
}
