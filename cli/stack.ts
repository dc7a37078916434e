import { mkdir } from 'node:fs/promises'
import { parseArguments, UsageError } from './arguments.ts'
import { EXIT } from './exit.ts'
import { startRunningStack } from './running-stack.ts'
import { stopRequested } from './stop-signal.ts'

/** The embedded stack, until it is told to stop. What the settings name (kafka.brokers, ...) is there already and is not started. */
export async function run(argv: readonly string[]): Promise<number> {
  const { settings, flags } = parseArguments(argv, {
    json: { kind: 'toggle', explanation: 'print one line of JSON when ready' },
    fresh: { kind: 'toggle', explanation: 'forget what is there' },
    nodes: { kind: 'text', placeholder: '1|3', explanation: 'brokers; with 3 every partition is on each of them' },
  })
  const nodes = flags.get('nodes') ?? '1'
  if (nodes !== '1' && nodes !== '3') throw new UsageError(`--nodes is ${JSON.stringify(nodes)}; expected 1 or 3`)
  const stop = stopRequested()
  await mkdir(settings.values['data.dir'], { recursive: true })
  const stack = await startRunningStack(settings, { fresh: flags.get('fresh') === 'true', brokers: nodes === '1' ? 1 : 3 })
  const { brokers, postgres, mongo } = stack
  process.stdout.write(
    flags.get('json') === 'true' ? `${JSON.stringify({ brokers, postgres, mongo })}\n` : `Kafka       ${brokers}\nPostgreSQL  ${postgres}\nMongoDB     ${mongo}\nCtrl-C stops them.\n`,
  )
  await stop.promise
  await stack.stop()
  return EXIT.ok
}
