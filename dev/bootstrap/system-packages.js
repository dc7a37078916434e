import { join } from 'node:path'
import { cacheFolder } from './cache.js'
import { withFileLock } from './file-lock.js'
import { SetupError, withProgress } from './progress.js'
import { lastLines, runCommand } from './run-command.js'

/**
 * What the machine itself must have before the embedded services can be installed.
 * @typedef {{ name: string, purpose: string, present: () => Promise<boolean> }} SystemPackage
 */

/** @type {SystemPackage} */
export const maven = {
  name: 'maven',
  purpose: 'Maven fetches Apache Kafka',
  present: async () => (await runCommand('mvn', ['--version'])).status !== 127,
}

/** @type {SystemPackage} */
export const libcurl = {
  name: 'libcurl4',
  purpose: 'MongoDB is linked with libcurl',
  async present() {
    const libraries = await runCommand('/sbin/ldconfig', ['-p'])
    return libraries.status !== 0 || libraries.output.includes('libcurl.so.4')
  },
}

/** @type {SystemPackage} */
export const pip = {
  name: 'python3-pip',
  purpose: 'pip fetches MongoDB, and Java where there is none',
  present: async () => (await runCommand('python3', ['-m', 'pip', '--version'])).status === 0,
}

/**
 * Installs what is missing where we are root; otherwise says with which command an administrator does.
 * @param {readonly SystemPackage[]} packages
 * @param {import('./progress.js').Progress} progress
 */
export async function ensureSystemPackages(packages, progress) {
  const present = await Promise.all(packages.map((each) => each.present()))
  const missing = packages.filter((_, at) => !present[at])
  if (missing.length === 0) return
  const names = missing.map((each) => each.name)
  const command = `apt-get install -y --no-install-recommends ${names.join(' ')}`
  if (process.getuid?.() !== 0) {
    throw new SetupError(
      [
        'The embedded services need packages that this machine does not have:',
        ...missing.map((each) => `  ${each.name} (${each.purpose})`),
        'Install them and start again:',
        `  sudo apt-get update && sudo ${command}`,
        ownServicesHint,
      ].join('\n'),
    )
  }
  // one at a time: a second apt-get would fail on dpkg's lock
  await withFileLock(join(cacheFolder(), 'apt.lock'), progress, () =>
    withProgress(progress, `installing ${names.join(', ')} with apt`, () => aptInstall(names, command)),
  )
  for (const { name, purpose, present: isPresent } of missing) {
    if (!(await isPresent())) throw new SetupError(`apt-get says that ${name} is installed, but it is not found (${purpose}). Is PATH as usual?`)
  }
}

export const ownServicesHint =
  'Or use services of your own, and nothing is embedded: set TRADEWIND_KAFKA_BROKERS, TRADEWIND_POSTGRES_URL and TRADEWIND_MONGO_URL.'

/**
 * @param {readonly string[]} names
 * @param {string} command
 */
async function aptInstall(names, command) {
  const env = { DEBIAN_FRONTEND: 'noninteractive' }
  // a fresh container has no package lists, and old lists name files that mirrors have dropped
  const update = await runCommand('apt-get', ['update', '-q'], { env })
  const install = await runCommand('apt-get', ['install', '-q', '-y', '--no-install-recommends', ...names], { env })
  if (install.status === 0) return
  throw new SetupError(
    `apt-get could not install ${names.join(', ')} (exit code ${install.status}).\n${lastLines(update.output)}\n${lastLines(install.output)}\n` +
      `Run it by hand to see what is wrong: apt-get update && ${command}\n${ownServicesHint}`,
  )
}
