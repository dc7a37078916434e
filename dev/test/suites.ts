import { globSync } from 'node:fs'

export type OptionalSuites = 'long' | 'browser'

/** A part of the tests with a share of the six minutes that `npm test` may take on two cores. */
export interface Suite {
  readonly name: string
  readonly budgetS: number
  /** Run only where it is asked for, by this option: beyond the six minutes, or with what not every machine has. */
  readonly onlyWith?: OptionalSuites
  /** Whether its tests find the addresses of Kafka, PostgreSQL and MongoDB in the environment. */
  readonly services: boolean
}

/** Side by side with the simulation: each takes a core. */
const UNIT: Suite = { name: 'unit', budgetS: 150, services: false }

/** The tests beside the code are «unit», also those beside what a chaos run is made of; the others are called as their folder in test/. */
export const SUITES: readonly Suite[] = [
  UNIT,
  { name: 'architecture', budgetS: 10, services: false },
  { name: 'simulation', budgetS: 145, services: false },
  { name: 'contract', budgetS: 40, services: true },
  { name: 'integration', budgetS: 200, services: true },
  { name: 'chaos', budgetS: 900, services: true, onlyWith: 'long' },
  { name: 'browser', budgetS: 120, services: true, onlyWith: 'browser' },
  { name: 'long', budgetS: 600, services: true, onlyWith: 'long' },
]

export function suiteOf(file: string): Suite {
  if (/(?:^|\/)test\/chaos\/run\//.test(file)) return UNIT
  const folder = /(?:^|\/)test\/([^/]+)\//.exec(file)?.[1]
  return SUITES.find(({ name }) => name === folder) ?? UNIT
}

/** The test files below `root` whose path contains one of the filters; all without a filter. Either those of the suites that an option asks for, or those that need none. */
export function testFiles(root: string, filters: readonly string[], onlyWith?: OptionalSuites): string[] {
  const files = globSync('**/*.test.ts', { cwd: root, exclude: ['node_modules', 'dist', '.tradewind'] })
  const wanted = files.filter((file) => suiteOf(file).onlyWith === onlyWith)
  return wanted.filter((file) => filters.length === 0 || filters.some((filter) => file.includes(filter))).sort()
}
