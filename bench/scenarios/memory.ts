import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Measurement } from '../harness/results.ts'
import type { Scenario } from '../harness/scenario.ts'
import { drainOnce } from './drain-once.ts'
import { tradeContenders } from './trade-contenders.ts'

const DEFAULT_KEYS = [1_000_000]

/** What so many trades cost: memory of the process, and disk for its state, after as many new trades have come through. */
export const memory: Scenario = {
  name: 'memory',
  metrics: [
    { name: 'peak memory', unit: 'MB', better: 'lower' },
    { name: 'memory in the end', unit: 'MB', better: 'lower' },
    { name: 'state on disk', unit: 'MB', better: 'lower' },
    { name: 'others', unit: 'cores', better: undefined, digits: 2 },
  ],
  contenders: tradeContenders,
  async prepare() {},
  async measure(context, contender) {
    const { stack, options } = context
    const cases = new Map<string, Measurement>()
    for (const keys of options.keys ?? DEFAULT_KEYS) {
      await stack.freshTopics({ input: true })
      await stack.preload(['--unique', '--keys', String(keys), '--count', String(keys)])
      let stateBytes = 0
      const { usage, committed } = await drainOnce(context, contender, async (stateDirectory) => {
        stateBytes = await sizeOf(stateDirectory)
      })
      const done = committed.reduce((sum, count) => sum + count, 0)
      if (done !== keys) throw new Error(`${contender.name} committed ${done} of ${keys} records within its time: its memory says nothing of so many trades`)
      cases.set(`${keys.toLocaleString('en')} trades`, {
        'peak memory': usage.peakMemoryBytes / 1e6,
        'memory in the end': usage.residentBytes / 1e6,
        'state on disk': stateBytes / 1e6,
        others: usage.othersCores,
      })
    }
    context.checked('every contender has committed all trades when its memory is read')
    return cases
  },
}

/** Blocks that the files take: logs have room ahead of them that is none yet. */
async function sizeOf(directory: string): Promise<number> {
  let bytes = 0
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) bytes += (await stat(join(entry.parentPath, entry.name))).blocks * 512
  }
  return bytes
}
