import { cached } from './cache.js'
import { pipInstall } from './pip.js'
import { SetupError, withProgress } from './progress.js'
import { lastLines, runCommand } from './run-command.js'
import { ensureSystemPackages, pip } from './system-packages.js'

/** A wheel that carries librdkafka, with its binding to Python: a foreign producer, for tests. */
const LIBRDKAFKA_FROM_PIP = 'confluent-kafka==2.16.1'

/**
 * @param {import('./progress.js').Progress} progress
 * @returns {Promise<string>} for PYTHONPATH: the folder that `python3` finds `confluent_kafka` in
 */
export async function ensureLibrdkafka(progress) {
  // the binding is made for one release of Python, and the machine may get another
  const { output: release } = await runCommand('python3', ['-c', 'import sys; print(sys.implementation.cache_tag, end="")'])
  return cached(`${LIBRDKAFKA_FROM_PIP.replace('==', '-')}-${release}-${process.arch}`, progress, async (target) => {
    await ensureSystemPackages([pip], progress)
    await withProgress(progress, 'installing librdkafka with pip (5 MB), for tests', () => pipInstall(LIBRDKAFKA_FROM_PIP, target))
    const { status, output } = await runCommand('python3', ['-c', 'import confluent_kafka'], { env: { PYTHONPATH: target } })
    if (status !== 0) throw new SetupError(`librdkafka does not run on this machine:\n${lastLines(output)}`)
  })
}
