import { transactionalIds } from '../engine/thread-producers.ts'
import type { KafkaClient } from '../ports/kafka-client.ts'
import type { StateDirectory } from '../stores/state-directory.ts'
import { PersonsMistake } from './exit.ts'

const MEMBER_UNKNOWN = 25
const COORDINATOR_PAUSE_MS = 100
const ATTEMPTS = 300

/**
 * Writes down the ids that the stream threads are about to use, and ends what a predecessor with more threads has left: its transactions are aborted, its members leave the
 * group. Otherwise others would wait for time-outs of threads that nobody runs any more.
 */
export async function settleIdentities(directory: StateDirectory, options: { client: KafkaClient; groupId: string; threadNames: readonly string[] }): Promise<void> {
  const { client, groupId, threadNames } = options
  const ids = threadNames.flatMap(transactionalIds)
  for (const id of directory.transactionalIds) if (!ids.includes(id)) await endTransactions(client, id).then(() => directory.forgetTransactionalId(id))
  for (const id of directory.instanceIds) if (!threadNames.includes(id)) await leave(client, groupId, id).then(() => directory.forgetInstanceId(id))
  for (const id of ids) await directory.recordTransactionalId(id)
  for (const name of threadNames) await directory.recordInstanceId(name)
}

async function endTransactions(client: KafkaClient, transactionalId: string): Promise<void> {
  const producer = client.transactionalProducer({ transactionalId })
  try {
    await producer.initialise()
  } finally {
    await producer.close()
  }
}

/** By instance id alone, as an administrator removes a static member. One that is gone already is as good. */
async function leave(client: KafkaClient, groupId: string, groupInstanceId: string): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    const { errorCode, node } = await client.broker.findCoordinator('group', groupId)
    const answer = errorCode === 0 ? await client.broker.leaveGroup(node, { groupId, members: [{ memberId: '', groupInstanceId }] }) : undefined
    if (answer !== undefined && (answer.errorCode === 0 || answer.errorCode === MEMBER_UNKNOWN)) return
    if (attempt === ATTEMPTS) throw new PersonsMistake(`group ${groupId} has no coordinator that answers (error ${answer?.errorCode ?? errorCode}); are all brokers up?`)
    await new Promise((resolve) => setTimeout(resolve, COORDINATOR_PAUSE_MS))
  }
}
