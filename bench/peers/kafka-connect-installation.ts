import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cached } from '../../dev/bootstrap/cache.js'
import { ensureJava } from '../../dev/bootstrap/java.js'
import { copyJars } from '../../dev/bootstrap/maven.js'
import { progressToTerminal, SetupError, withProgress } from '../../dev/bootstrap/progress.js'
import { lastLines, runCommand } from '../../dev/bootstrap/run-command.js'
import { ensureSystemPackages, maven } from '../../dev/bootstrap/system-packages.js'
import { installJavaPeers } from './java-peers.ts'

const pom = fileURLToPath(new URL('kafka-connect/pom.xml', import.meta.url))

export interface KafkaConnect {
  readonly java: string
  /** Of Connect itself: it comes with Kafka's tools. */
  readonly classPath: string
  /** A folder with a folder for each connector. */
  readonly pluginPath: string
}

let installation: Promise<KafkaConnect> | undefined

/** Kafka Connect, Debezium's JDBC sink and MongoDB's connector: from Maven Central, once, into the cache. */
export function installKafkaConnect(): Promise<KafkaConnect> {
  installation ??= install()
  return installation
}

async function install(): Promise<KafkaConnect> {
  const peers = await installJavaPeers()
  const version = createHash('sha256').update(readFileSync(pom)).digest('hex').slice(0, 8)
  const pluginPath = await cached(`connectors-${version}`, progressToTerminal, async (unfinished) => {
    await ensureSystemPackages([maven], progressToTerminal)
    const java = await ensureJava(progressToTerminal)
    await withProgress(progressToTerminal, 'installing Debezium\'s JDBC sink and MongoDB\'s connector with Maven (about 70 MB)', async () => {
      await copyJars({ pom, target: unfinished, java })
      for (const file of readdirSync(unfinished)) await unpack(unfinished, file)
    })
  })
  return { ...peers, pluginPath }
}

/** An archive brings its folder, a jar gets one. */
async function unpack(folder: string, file: string): Promise<void> {
  const path = join(folder, file)
  if (file.endsWith('.tar.gz')) {
    const { status, output } = await runCommand('tar', ['-xzf', path, '-C', folder])
    if (status !== 0) throw new SetupError(`${file} could not be unpacked (exit code ${status}).\n${lastLines(output)}`)
    rmSync(path)
    return
  }
  const own = join(folder, file.replace('.jar', ''))
  mkdirSync(own)
  renameSync(path, join(own, file))
}
