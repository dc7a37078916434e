import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cached, isCached, root } from './cache.js'
import { ensureJava } from './java.js'
import { copyJars } from './maven.js'
import { SetupError, withProgress } from './progress.js'
import { lastLines, runCommand } from './run-command.js'
import { ensureSystemPackages, maven } from './system-packages.js'

/** Our pom, the broker's common settings and its logging. */
export const kafkaFolder = join(root, 'dev', 'kafka')

const pomFile = join(kafkaFolder, 'pom.xml')
const pom = readFileSync(pomFile, 'utf8')
const version = /<kafka.version>(.*)<\/kafka.version>/.exec(pom)?.[1]
const installationName = `kafka-${version}-${createHash('sha256').update(pom).digest('hex').slice(0, 8)}`

export const kafkaIsInstalled = () => isCached(installationName)

/**
 * @typedef {object} KafkaInstallation
 * @property {string} java
 * @property {string} jars folder with every jar
 * @property {string} checkpoint `bootstrap.checkpoint`, what a new data directory begins with: the feature levels of this release
 */

/**
 * @param {import('./progress.js').Progress} progress
 * @returns {Promise<KafkaInstallation>}
 */
export async function ensureKafka(progress) {
  const folder = await cached(installationName, progress, async (target) => {
    // before Java: Debian's Maven brings one
    await ensureSystemPackages([maven], progress)
    const java = await ensureJava(progress)
    await withProgress(progress, `installing Apache Kafka ${version} with Maven (about 40 MB)`, async () => {
      await copyJars({ pom: pomFile, target: join(target, 'jars'), java })
      await makeCheckpoint(target, java)
    })
  })
  return { java: await ensureJava(progress), jars: join(folder, 'jars'), checkpoint: join(folder, 'bootstrap.checkpoint') }
}

/**
 * Formats a data directory once and keeps what does not depend on the cluster: a new cluster then starts without a run of
 * the storage tool, which takes a second.
 * @param {string} target
 * @param {string} java
 */
async function makeCheckpoint(target, java) {
  const data = join(target, 'format')
  mkdirSync(data)
  const settings = join(data, 'broker.properties')
  const node = ['node.id=1', 'listeners=PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093', 'controller.quorum.voters=1@127.0.0.1:9093', `log.dirs=${join(data, 'log')}`]
  writeFileSync(settings, [readFileSync(join(kafkaFolder, 'broker.properties'), 'utf8'), ...node, ''].join('\n'))
  const flags = ['-Xmx128m', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', `-Dlog4j2.configurationFile=${join(kafkaFolder, 'log4j2.properties')}`]
  const clusterId = 'AAAAAAAAAAAAAAAAAAAAAA'
  const result = await runCommand(java, ['-cp', join(target, 'jars', '*'), ...flags, 'kafka.tools.StorageTool', 'format', '--cluster-id', clusterId, '--config', settings])
  if (result.status !== 0) throw new SetupError(`Kafka's storage tool failed (exit code ${result.status}).\n${lastLines(result.output)}`)
  renameSync(join(data, 'log', 'bootstrap.checkpoint'), join(target, 'bootstrap.checkpoint'))
  rmSync(data, { recursive: true })
}
