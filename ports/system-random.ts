import { randomUUID } from 'node:crypto'
import type { Random } from './random.ts'

/** The machine's generator. */
export const systemRandom: Random = {
  next: () => Math.random(),
  uuid: () => randomUUID(),
}
