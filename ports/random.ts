/** Chance, as the runtime sees it. Production wires the machine's generator; the simulation wires a seed. */
export interface Random {
  /** A number from 0 (included) to 1 (excluded). */
  next(): number
  /** A version 4 UUID in its text form. */
  uuid(): string
}
