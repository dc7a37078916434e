import { ConnectionLostError } from '../ports/broker.ts'
import type { Connection } from './connection.ts'

/** A node of the cluster, or a bootstrap address `host:port`. */
export type Place = number | string

export interface Address {
  readonly host: string
  readonly port: number
}

/**
 * The connections of one client, one for each place and lane. The broker works off one request of a connection at a time, and holds
 * some for long (a Fetch without records, a JoinGroup until all members have joined): what must not wait behind what is on another lane.
 */
export class Connections {
  readonly #open: (place: Place) => Promise<Connection>
  readonly #lines = new Map<string, Line>()
  readonly #taken = new Set<string>()
  #closed = false

  /** `open` finds the address of the place and connects. */
  constructor(open: (place: Place) => Promise<Connection>) {
    this.#open = open
  }

  /** Shared by all requests of the lane. They go out in the order of the calls, also of those that wait for the connection to open. */
  async of(place: Place, lane: string): Promise<Connection> {
    if (this.#closed) throw new ConnectionLostError('this client was closed')
    const key = `${place} ${lane}`
    const line = this.#lines.get(key)
    return await (line && !line.connection?.ended ? line : this.#begin(key, place)).opening
  }

  /** For requests that the broker may hold: a connection of the lane on which none is under way, for as long as `use` takes. */
  async alone<Result>(place: Place, lane: string, use: (connection: Connection) => Promise<Result>): Promise<Result> {
    let number = 1
    while (this.#taken.has(`${place} ${lane} ${number}`)) number++
    const taken = `${place} ${lane} ${number}`
    this.#taken.add(taken)
    try {
      return await use(await this.of(place, `${lane} ${number}`))
    } finally {
      this.#taken.delete(taken)
    }
  }

  /** Resolves when every socket is closed. */
  async close(): Promise<void> {
    this.#closed = true
    await Promise.all(
      [...this.#lines.values()].map(({ opening }) =>
        opening.then(
          (connection) => connection.close(),
          () => {},
        ),
      ),
    )
  }

  #begin(key: string, place: Place): Line {
    const line: Line = { opening: this.#open(place), connection: undefined }
    const forget = () => {
      if (this.#lines.get(key) === line) this.#lines.delete(key)
    }
    this.#lines.set(key, line)
    line.opening.then((connection) => {
      line.connection = connection
      return connection.closed.then(forget)
    }, forget)
    return line
  }
}

interface Line {
  readonly opening: Promise<Connection>
  /** Once it is open. */
  connection: Connection | undefined
}
