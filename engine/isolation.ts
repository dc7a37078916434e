import type { Task } from './task.ts'

interface Refused {
  readonly taskId: string
  readonly topic: string
  readonly offset: number
  readonly error: Error
}

/**
 * Records that cannot be processed. Where the runtime knows which one it is (a processor threw), it is taken out when it comes round again after the recovery. Where it does not (the broker
 * refused a batch that many inputs wrote to), records are committed one by one up to where the failed transaction had come, and the one that is refused alone is taken out.
 */
export class Isolation {
  #refused: Refused[] = []
  /** Task id and topic to the position up to which records go one by one. */
  readonly #singleUntil = new Map<string, number>()
  #alone: Omit<Refused, 'error'> | undefined

  /** Whether records have to be committed one by one. */
  get single(): boolean {
    return this.#singleUntil.size > 0
  }

  refuse(refused: Refused): void {
    this.#refused.push(refused)
  }

  /** The broker refused a batch. Where one record was alone in its transaction, it is that one; otherwise everything up to where the tasks stand now goes one by one. */
  refusedByBroker(error: Error, tasks: Iterable<Task>): void {
    if (this.single && this.#alone !== undefined) {
      this.refuse({ ...this.#alone, error })
      return
    }
    for (const task of tasks) {
      for (const queue of task.queues) this.#singleUntil.set(`${task.id} ${queue.topic}`, queue.position)
    }
  }

  /** The head of this task is about to be processed alone. */
  alone(task: Task): void {
    const queue = task.queues.find((candidate) => candidate.hasHead)
    this.#alone = queue === undefined ? undefined : { taskId: task.id, topic: queue.topic, offset: queue.cursor.offset }
  }

  /** Whether a record of this task has to be taken out: then it is looked at record by record. */
  concerns(task: Task): boolean {
    return this.#refused.some(({ taskId }) => taskId === task.id)
  }

  /** The error of the record that stands at the head of one of the task's queues, if that is one to be taken out. */
  refusedHead(task: Task): Refused | undefined {
    if (this.#refused.length === 0) return undefined
    return this.#refused.find(({ taskId, topic, offset }) => taskId === task.id && task.queues.some((queue) => queue.topic === topic && queue.hasHead && queue.cursor.offset === offset))
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
}
