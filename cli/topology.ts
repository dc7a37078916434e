import { describeTopology } from '../engine/describe-topology.ts'
import { loadApplication } from './applications.ts'
import { parseArguments } from './arguments.ts'

export async function run(argv: readonly string[]): Promise<undefined> {
  const { settings, flags } = parseArguments(argv, { topology: { kind: 'text', placeholder: 'FILE', explanation: 'a module that exports `topology`' } })
  const { topology } = await loadApplication(flags.get('topology'), settings.values)
  process.stdout.write(describeTopology(topology))
  return undefined
}
