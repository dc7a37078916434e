import { rm, writeFile } from 'node:fs/promises'
import type { LoadedSettings } from '../config/load-settings.ts'
import { type EmbeddedStack, startStack } from '../dev/stack.ts'
import { type Connections, stackFile } from './connections.ts'

/** Kafka and the databases for as long as this process wants them: the embedded ones, but for what the settings say is there already. */
export interface RunningStack extends Connections {
  stop(): Promise<void>
}

/** Starts what the settings do not name, in `data.dir`, and writes the addresses down for roles that are started on the same folder. */
export async function startRunningStack(settings: LoadedSettings, options: { fresh: boolean; brokers?: 1 | 3 }): Promise<RunningStack> {
  const { values } = settings
  const dataDir = values['data.dir']
  const stack: EmbeddedStack = await startStack({
    dataDir,
    fresh: options.fresh,
    brokers: options.brokers ?? 1,
    own: { brokers: values['kafka.brokers'], postgres: values['postgres.url'], mongo: values['mongo.url'] },
  })
  const { brokers, postgres, mongo } = stack
  await writeFile(stackFile(dataDir), `${JSON.stringify({ brokers, postgres, mongo })}\n`, { mode: 0o600 })
  return {
    brokers,
    postgres,
    mongo,
    async stop() {
      await rm(stackFile(dataDir), { force: true })
      await stack.stop()
    },
  }
}
