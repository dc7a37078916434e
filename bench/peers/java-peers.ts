import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cached } from '../../dev/bootstrap/cache.js'
import { ensureJava } from '../../dev/bootstrap/java.js'
import { copyJars } from '../../dev/bootstrap/maven.js'
import { progressToTerminal, SetupError, withProgress } from '../../dev/bootstrap/progress.js'
import { lastLines, runCommand } from '../../dev/bootstrap/run-command.js'
import { ensureSystemPackages, maven } from '../../dev/bootstrap/system-packages.js'

const folder = fileURLToPath(new URL('kafka-streams', import.meta.url))
const pom = join(folder, 'pom.xml')
const sources = join(folder, 'src', 'peer')

export interface JavaPeers {
  readonly java: string
  readonly classPath: string
}

let installation: Promise<JavaPeers> | undefined

/** The Kafka Streams peer, compiled, and Kafka's own tools: from Maven Central, once, into the cache. */
export function installJavaPeers(): Promise<JavaPeers> {
  installation ??= install()
  return installation
}

async function install(): Promise<JavaPeers> {
  const files = [pom, ...readdirSync(sources).toSorted().map((name) => join(sources, name))]
  const hash = createHash('sha256')
  for (const file of files) hash.update(readFileSync(file))
  const target = await cached(`java-peers-${hash.digest('hex').slice(0, 8)}`, progressToTerminal, async (unfinished) => {
    await ensureSystemPackages([maven], progressToTerminal)
    const java = await ensureJava(progressToTerminal)
    await withProgress(progressToTerminal, 'installing Kafka Streams and Kafka\'s tools with Maven (about 110 MB)', async () => {
      await copyJars({ pom, target: join(unfinished, 'jars'), java })
      await compile(java, unfinished)
    })
  })
  return { java: await ensureJava(progressToTerminal), classPath: `${join(target, 'classes')}:${join(target, 'jars', '*')}` }
}

/** With the compiler of the pom: a machine that can run Kafka need not have a Java development kit. */
async function compile(java: string, target: string): Promise<void> {
  const jars = join(target, 'jars', '*')
  const classes = join(target, 'classes')
  mkdirSync(classes)
  // java expands the wildcard, the compiler does not
  const classPath = readdirSync(join(target, 'jars')).map((name) => join(target, 'jars', name)).join(':')
  const compiler = 'org.eclipse.jdt.internal.compiler.batch.Main'
  const { status, output } = await runCommand(java, ['-cp', jars, compiler, '-17', '-nowarn', '-encoding', 'UTF-8', '-cp', classPath, '-d', classes, sources])
  if (status !== 0) throw new SetupError(`The Kafka Streams peer could not be compiled (exit code ${status}).\n${lastLines(output)}`)
}
