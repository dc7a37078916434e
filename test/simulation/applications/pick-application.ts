import type { SeededRandom } from '../../../engine/simulation/seeded-random.ts'
import type { SimulatedApplication } from '../../../engine/simulation/simulated-application.ts'
import { counter } from './counter.ts'
import { trades } from './trades.ts'

/** What a seed rehearses. */
export function pickApplication(random: SeededRandom): SimulatedApplication {
  return random.chance(0.6) ? counter(random) : trades(random)
}
