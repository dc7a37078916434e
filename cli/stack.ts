import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { startStack } from '../dev/stack.ts'

/**
 * `tradewind stack [--data DIR] [--brokers 1|3] [--fresh] [--json]`: runs the embedded stack until it is told to stop
 * (SIGINT, SIGTERM). On standard output, when it is ready, the addresses: with `--json` as one line of JSON.
 *
 * @returns the exit code
 */
export async function run(argv: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      data: { type: 'string', default: '.tradewind/stack' },
      brokers: { type: 'string', default: '1' },
      fresh: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  })
  if (values.brokers !== '1' && values.brokers !== '3') {
    console.error(`--brokers: found ${values.brokers}, expected 1 or 3`)
    return 2
  }
  const told = Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')])
  const stack = await startStack({ dataDir: values.data, fresh: values.fresh, brokers: values.brokers === '1' ? 1 : 3 })
  const { brokers, postgres, mongo } = stack
  console.log(values.json ? JSON.stringify({ brokers, postgres, mongo }) : `Kafka       ${brokers}\nPostgreSQL  ${postgres}\nMongoDB     ${mongo}\nCtrl-C stops them.`)
  await told
  await stack.stop()
  return 0
}
