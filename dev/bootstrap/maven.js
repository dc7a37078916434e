import { accessSync, constants } from 'node:fs'
import { userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import { cacheFolder } from './cache.js'
import { SetupError } from './progress.js'
import { lastLines, runCommand } from './run-command.js'
import { ownServicesHint } from './system-packages.js'
import { TRUST_STORE_PASSWORD, writeTrustStore } from './trust-store.js'

/**
 * Copies the jars that a pom names, with all that they depend on, into a folder.
 * @param {{ pom: string, target: string, java: string }} options `java`: the command of the Java to use
 */
export async function copyJars({ pom, target, java }) {
  const plugin = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies'
  const args = ['-B', '-q', '-ntp', '-f', pom, plugin, '-DincludeScope=runtime', `-DoutputDirectory=${target}`]
  const result = await runCommand('mvn', args, { env: mavenEnvironment(java) })
  if (result.status === 0) return
  throw new SetupError(
    `Maven could not fetch Apache Kafka (exit code ${result.status}).\n${lastLines(result.output)}\nIt was: mvn ${args.join(' ')}\n` +
      `Is Maven Central or your mirror of it (settings.xml) reachable from here?\n${ownServicesHint}`,
  )
}

/**
 * @param {string} java
 * @returns {NodeJS.ProcessEnv}
 */
function mavenEnvironment(java) {
  const given = process.env['MAVEN_OPTS'] ?? ''
  const ours = java === 'java' ? [] : trustFlags(given)
  return {
    ...(java === 'java' ? {} : { JAVA_HOME: dirname(dirname(java)) }),
    MAVEN_OPTS: [given, ...homeFlags(), ...ours].join(' ').trim(),
  }
}

/**
 * Maven keeps its files in the home that the user database names, whatever HOME says. Users such as `nobody` have none there,
 * and the arbitrary user of a container is not in the database at all.
 */
function homeFlags() {
  try {
    accessSync(userInfo().homedir, constants.W_OK)
    return []
  } catch {
    return [`-Duser.home=${cacheFolder()}`]
  }
}

/**
 * A Java of the machine trusts what the machine trusts; one from pip does not know the certificate of a company's proxy.
 * @param {string} given
 */
function trustFlags(given) {
  const store = join(cacheFolder(), 'trusted-certificates.jks')
  if (given.includes('javax.net.ssl.trustStore') || !writeTrustStore(store)) return []
  return [`-Djavax.net.ssl.trustStore=${store}`, '-Djavax.net.ssl.trustStoreType=JKS', `-Djavax.net.ssl.trustStorePassword=${TRUST_STORE_PASSWORD}`]
}
