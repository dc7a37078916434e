// Runs on whatever Node the machine has, so it is plain JavaScript and uses no package: it installs what is missing, then
// hands over to the newer Node of the npm package `node`.
//
//   node dev/bootstrap.js start|test|stack|bench|chaos|tradewind [arguments]   install, then run
//   node dev/bootstrap.js install                              only the npm packages and the newer Node
//   node dev/bootstrap.js services                             these, the embedded services and what tests need
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { cacheFolder, root } from './bootstrap/cache.js'
import { ensureDependencies, nodeBinary } from './bootstrap/dependencies.js'
import { progressToTerminal as progress, SetupError } from './bootstrap/progress.js'
import { ensureMachine, ensureServices } from './bootstrap/services.js'

const OLDEST_NODE = 20

/** @type {Record<string, string[]>} what the newer Node runs */
const programs = {
  start: ['cli/main.ts', 'demo'],
  stack: ['cli/main.ts', 'stack'],
  test: ['dev/test.ts'],
  bench: ['bench/main.ts'],
  chaos: ['test/chaos/main.ts'],
  tradewind: ['cli/main.ts'],
}

/** @param {string[]} argv */
async function main([command = '', ...args]) {
  if (Number(process.versions.node.split('.')[0]) < OLDEST_NODE) {
    throw new SetupError(`Node ${OLDEST_NODE} or newer is needed to begin with; this is ${process.version}. Install one from your distribution or from nodejs.org.`)
  }
  const program = programs[command]
  if (program === undefined && command !== 'install' && command !== 'services') {
    throw new SetupError(`There is no command «${command}». Commands: ${[...Object.keys(programs), 'install', 'services'].join(', ')}.`)
  }
  const services = embeddedServices(command, args)
  await ensureMachine(services, progress)
  const outcomes = await Promise.allSettled([ensureDependencies(progress), ensureServices(services, progress)])
  const failures = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []))
  if (failures.length > 0) throw failures.length === 1 ? failures[0] : new AggregateError(failures, 'The installation failed in several places')
  if (program !== undefined) process.exitCode = await runOnNewerNode([...program, ...args])
}

/**
 * Which of them the command is going to start, so that they are fetched while npm installs. Where the configuration names
 * services of the user's own, none.
 * @param {string} command
 * @param {string[]} args
 */
function embeddedServices(command, args) {
  const wanted = command === 'services' || command === 'stack' || command === 'start' || command === 'chaos' || (command === 'test' && !args.includes('--unit'))
  const own = (/** @type {string} */ variable, /** @type {string[]} */ flags) =>
    Boolean(process.env[variable]) || args.some((argument) => flags.includes(argument.split('=')[0] ?? ''))
  return {
    kafka: wanted && !own('TRADEWIND_KAFKA_BROKERS', ['--kafka-brokers', '--brokers']),
    mongo: wanted && !own('TRADEWIND_MONGO_URL', ['--mongo-url']),
    librdkafka: command === 'services' || (command === 'test' && wanted),
  }
}

/**
 * Runs a program to its end and answers its exit code.
 *
 * It has a process group of its own, and signals reach it through us only. Otherwise Ctrl-C would come three times, from the
 * terminal, from npm, which passes it on, and from us, and a second Ctrl-C means "at once" to most programs.
 * @param {string[]} args
 * @returns {Promise<number>}
 */
function runOnNewerNode(args) {
  const [file = '', ...rest] = args
  // setpriv ends the program when we are killed: it must not stay behind
  const deathSignal = process.platform === 'linux' ? ['setpriv', '--pdeathsig', 'TERM'] : []
  const [command = '', ...all] = [...deathSignal, nodeBinary, join(root, file), ...rest]
  // Node keeps what it has stripped of types and compiled: a role of the demo starts in half the time (0.18 s instead of 0.37 measured).
  const env = { NODE_COMPILE_CACHE: join(cacheFolder(), 'compiled'), ...process.env }
  const child = spawn(command, all, { stdio: 'inherit', detached: true, env })
  passSignalsOn(child)
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', (code, signal) => resolve(code ?? (signal === 'SIGINT' ? 130 : 143)))
  })
}

/** @param {import('node:child_process').ChildProcess} child */
function passSignalsOn(child) {
  const SAME_KEYPRESS_MS = 500
  let lastMs = -Infinity
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
    process.on(signal, () => {
      const repeated = performance.now() - lastMs < SAME_KEYPRESS_MS
      lastMs = performance.now()
      // a closed terminal means "stop" too
      if (!repeated) child.kill(signal === 'SIGHUP' ? 'SIGTERM' : signal)
    })
  }
  // where npm is killed, nobody tells us: the shell between it and us then has another parent
  if (process.env['npm_lifecycle_event'] === undefined) return
  const npm = parentOf(process.ppid)
  const watch = setInterval(() => {
    if (parentOf(process.ppid) === npm) return
    clearInterval(watch)
    child.kill('SIGTERM')
  }, 1000)
  watch.unref()
}

/**
 * @param {number} pid
 * @returns {string | undefined}
 */
function parentOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // the name, in parentheses, may hold blanks
    return stat.slice(stat.lastIndexOf(')')).split(' ')[2]
  } catch {
    // it has ended, or this is no Linux
    return undefined
  }
}

/** @param {unknown} error */
function show(error) {
  if (error instanceof AggregateError) return error.errors.forEach(show)
  console.error(error instanceof SetupError ? `\n${error.message}` : error)
}

main(process.argv.slice(2)).catch((error) => {
  show(error)
  process.exitCode = 1
})
