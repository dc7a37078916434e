import { parseArguments } from './arguments.ts'
import { askProcessors } from './control-socket.ts'
import { EXIT, PersonsMistake } from './exit.ts'

export async function run(argv: readonly string[]): Promise<number> {
  const { settings } = parseArguments(argv)
  const dataDir = settings.values['data.dir']
  const answers = await askProcessors(dataDir, { command: 'expire' })
  if (answers.length === 0) throw new PersonsMistake(`no processor runs on ${dataDir}; start one with: tradewind processor --data ${dataDir}`)
  const faults = answers.flatMap((answer) => ('error' in answer ? [answer.error] : []))
  const expired = answers.reduce((sum, answer) => sum + ('expired' in answer ? answer.expired : 0), 0)
  process.stdout.write(`${expired} trades expired\n`)
  for (const fault of faults) process.stderr.write(`a processor could not: ${fault}\n`)
  return faults.length > 0 ? EXIT.failed : EXIT.ok
}
