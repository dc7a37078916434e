/** Runs asynchronous steps one behind the other, in call order. A step that fails does not hold up the next one. */
export class Turn {
  #last: Promise<unknown> = Promise.resolve()

  run<T>(step: () => Promise<T>): Promise<T> {
    const result = this.#last.then(step, step)
    this.#last = result.catch(() => {})
    return result
  }
}
