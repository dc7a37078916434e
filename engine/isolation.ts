import { RecordRefusedError } from '../ports/kafka-error.ts'
import { ProcessingError, StreamThreadFatalError } from './errors.ts'
import type { Task } from './task.ts'
import type { Failure } from './thread-commits.ts'
import type { RecordPlace, Transaction } from './transaction.ts'

/** A record to be taken out, and in which form the dead-letter topic gets it. */
interface Refused extends RecordPlace {
  readonly error: Error
  readonly form: 'whole' | 'bare'
}

/**
 * Records that cannot be processed. Where the runtime knows which one it is (a processor threw), it is taken out when it comes round again after the recovery. Where it does not (the broker
 * refused a batch that many inputs wrote to), records are committed one by one up to where the failed transaction had come, and the one that is refused alone is taken out.
 */
export class Isolation {
  #refused: Refused[] = []
  /** Task id and topic to the position up to which records go one by one. */
  readonly #singleUntil = new Map<string, number>()

  /** Whether records have to be committed one by one. */
  get single(): boolean {
    return this.#singleUntil.size > 0
  }

  /**
   * Which records have to be taken out when they come round again, as far as the failure says.
   *
   * @throws StreamThreadFatalError without a dead-letter topic: there is no place for them.
   */
  remember({ error, transaction }: Failure, { deadLetterTopic, tasks }: { deadLetterTopic: string | undefined; tasks: Iterable<Task> }): void {
    if (!(error instanceof ProcessingError || error instanceof RecordRefusedError)) return
    if (deadLetterTopic === undefined) {
      throw new StreamThreadFatalError(`${error.message}; the record was not committed. Mend what refused it, or name a dead-letter topic (deadLettersTo) and it is taken out`, { cause: error })
    }
    if (error instanceof ProcessingError) this.#refuse({ taskId: error.taskId, topic: error.topic, offset: error.offset, error, form: 'whole' })
    else if (transaction !== undefined) this.#refusedByBroker(error, transaction, tasks)
  }

  /** Whether a record of this task has to be taken out: then it is looked at record by record. */
  concerns(task: Task): boolean {
    return this.#refused.some(({ taskId }) => taskId === task.id)
  }

  /** The error of the task's next record, if it is one to be taken out. */
  refusedHead(task: Task): Refused | undefined {
    if (this.#refused.length === 0) return undefined
    const { head } = task
    return head && this.#refused.find((refused) => isAt(refused, head))
  }

  taken(refused: Refused): void {
    this.#refused = this.#refused.filter((other) => other !== refused)
  }

  /** Ends the one-by-one mode of partitions that have got past the failed transaction. */
  passed(tasks: Iterable<Task>): void {
    for (const task of tasks) {
      for (const queue of task.queues) {
        const at = `${task.id} ${queue.topic}`
        if (queue.position >= (this.#singleUntil.get(at) ?? Number.POSITIVE_INFINITY)) this.#singleUntil.delete(at)
      }
    }
  }

  forget(taskIds: Iterable<string>): void {
    for (const id of taskIds) {
      this.#refused = this.#refused.filter(({ taskId }) => taskId !== id)
      for (const at of [...this.#singleUntil.keys()]) if (at.startsWith(`${id} `)) this.#singleUntil.delete(at)
    }
  }

  /**
   * The broker refused a batch of `transaction`. Where one record was alone in it, it is that one; otherwise everything up to where the tasks stand now goes one by one.
   *
   * @throws StreamThreadFatalError where no input record is to blame, or not even the bare dead letter is taken: there is nothing left to take out.
   */
  #refusedByBroker(error: Error, transaction: Transaction, tasks: Iterable<Task>): void {
    const { alone, records } = transaction
    if (alone?.deadLetter === 'bare') throw new StreamThreadFatalError(`the dead-letter topic refuses ${alone.topic}@${alone.offset} of task ${alone.taskId} even without key and value: ${error.message}`, { cause: error })
    if (records === 0) throw new StreamThreadFatalError(`the broker refuses what a punctuation of tasks ${[...transaction.taskIds].join(', ')} wrote: ${error.message}`, { cause: error })
    if (alone !== undefined) return this.#refuse({ ...alone, error, form: alone.deadLetter === 'no' ? 'whole' : 'bare' })
    for (const task of tasks) {
      for (const queue of task.queues) this.#singleUntil.set(`${task.id} ${queue.topic}`, queue.position)
    }
  }

  #refuse(refused: Refused): void {
    this.#refused = this.#refused.filter((other) => !isAt(other, refused))
    this.#refused.push(refused)
  }
}

function isAt(a: RecordPlace, b: RecordPlace): boolean {
  return a.taskId === b.taskId && a.topic === b.topic && a.offset === b.offset
}
