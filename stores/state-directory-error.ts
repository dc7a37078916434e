/**
 * A state directory must not be used; nothing in it was changed.
 * - `locked`: another process or instance uses it.
 * - `foreign`: it belongs to another application or cluster, or to nobody knows whom.
 * - `newer`: a later version wrote it.
 * - `copied`: it was copied, restored or moved from somewhere else.
 * - `changed`: the topology or a topic is not what the state was built with.
 * - `damaged`: a file in it cannot be read.
 * - `name`: the name of an application or a store cannot be used.
 */
export type StateDirectoryFault = 'locked' | 'foreign' | 'newer' | 'copied' | 'changed' | 'damaged' | 'name'

/** Fatal at start; the message says what was found, what was expected and what to do. */
export class StateDirectoryError extends Error {
  override readonly name = 'StateDirectoryError'
  readonly fault: StateDirectoryFault

  constructor(fault: StateDirectoryFault, message: string) {
    super(message)
    this.fault = fault
  }
}
