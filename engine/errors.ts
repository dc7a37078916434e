import { ConnectionLostError } from '../ports/broker.ts'
import { KafkaError } from '../ports/kafka-error.ts'

/** Errors of the runtime, named by what has to be recovered. */

/** Tasks have gone to another instance, or the group no longer knows this one: close without a commit, join again. */
export class TaskMigratedError extends Error {
  override readonly name = 'TaskMigratedError'
}

/** Nothing that the runtime could do helps: it stops, and the message says what to change. */
export class StreamThreadFatalError extends Error {
  override readonly name = 'StreamThreadFatalError'
}

/** A record could not be processed: a serde or a processor threw, or the broker refused what came of it. */
export class ProcessingError extends Error {
  override readonly name = 'ProcessingError'
  readonly taskId: string
  readonly topic: string
  readonly partition: number
  readonly offset: number

  constructor(at: { taskId: string; topic: string; partition: number; offset: number }, cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    super(`task ${at.taskId} could not process ${at.topic}-${at.partition}@${at.offset}: ${reason}`, { cause })
    this.taskId = at.taskId
    this.topic = at.topic
    this.partition = at.partition
    this.offset = at.offset
  }
}

/** What is repeated after an abort. Everything else is a setting, a permission or a defect: repeating it would go on for ever. */
export function isRecoverable(error: unknown): boolean {
  if (error instanceof KafkaError) return error.scope !== 'fatal'
  return error instanceof ProcessingError || error instanceof TaskMigratedError || error instanceof ConnectionLostError
}

export function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
