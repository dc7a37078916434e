import { describeSettings, environmentVariableOf } from '../config/load-settings.ts'
import type { SettingName } from '../config/settings.ts'
import { parseArguments } from './arguments.ts'

export async function run(argv: readonly string[]): Promise<undefined> {
  const { settings, flags } = parseArguments(argv, { explain: { kind: 'toggle', explanation: 'print what each setting means' } })
  const rows = describeSettings(settings)
  const nameWidth = Math.max(...rows.map(({ name }) => name.length))
  for (const { name, value, source, explanation } of rows) {
    process.stdout.write(`${name.padEnd(nameWidth)}  ${value}  (${source})\n`)
    // The names are those of the table that describeSettings walks.
    if (flags.has('explain')) process.stdout.write(`${' '.repeat(4)}${explanation}\n${' '.repeat(4)}${environmentVariableOf(name as SettingName)}\n`)
  }
  return undefined
}
