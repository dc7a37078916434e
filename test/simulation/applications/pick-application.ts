import type { SeededRandom } from '../../../engine/simulation/seeded-random.ts'
import type { SimulatedApplication } from '../../../engine/simulation/simulated-application.ts'
import { counter } from './counter.ts'
import { join } from './join.ts'
import { trades } from './trades.ts'
import { windows } from './windows.ts'

type Application = (random: SeededRandom) => SimulatedApplication

const NAMED: Readonly<Record<string, Application>> = { counter, trades, windows, join }

/** What a seed rehearses. */
export function pickApplication(random: SeededRandom): SimulatedApplication {
  // With chance of its own, so that the others are what they were before these two came.
  const other = random.fork('windows or join').next()
  if (other < 0.1) return windows(random)
  if (other < 0.2) return join(random)
  return random.chance(0.6) ? counter(random) : trades(random)
}

/** Every seed rehearses this one; `undefined`: what the seed picks. */
export function applicationNamed(name: string | undefined): Application {
  if (name === undefined) return pickApplication
  const application = NAMED[name]
  if (application === undefined) throw new RangeError(`there is no application ${name}; there are ${Object.keys(NAMED).join(', ')}`)
  return application
}
