interface ExpiryRequest {
  readonly waiting: Set<ExpiryTask>
  expired: number
  readonly done: (expired: number) => void
}

/**
 * Runs expiry on request: the tasks of a stream thread attach themselves, and each works off what is due in its next punctuations, in portions. Used within the
 * stream thread; whoever asks from outside sends it a message.
 */
export class ExpiryControl {
  readonly #tasks = new Set<ExpiryTask>()
  readonly #requests = new Set<ExpiryRequest>()

  /** `done` is told, once nothing is due any more in any task that is attached now, how many trades have expired. A task that moves away counts with what it did. */
  request(done: (expired: number) => void): void {
    if (this.#tasks.size === 0) {
      done(0)
      return
    }
    this.#requests.add({ waiting: new Set(this.#tasks), expired: 0, done })
  }

  attach(): ExpiryTask {
    const task: ExpiryTask = {
      ran: (expired, more) => this.#ran(task, expired, more),
      detach: () => {
        this.#tasks.delete(task)
        this.#ran(task, 0, false)
      },
    }
    this.#tasks.add(task)
    return task
  }

  #ran(task: ExpiryTask, expired: number, more: boolean): void {
    for (const request of this.#requests) {
      if (!request.waiting.has(task)) continue
      request.expired += expired
      if (!more) request.waiting.delete(task)
      if (request.waiting.size > 0) continue
      this.#requests.delete(request)
      request.done(request.expired)
    }
  }
}

export interface ExpiryTask {
  /** A portion was worked off. `more`: there is more to do. */
  ran(expired: number, more: boolean): void
  detach(): void
}
