import { SettingsError } from '../config/load-settings.ts'
import { UsageError } from './arguments.ts'
import { COMMANDS, type Command } from './commands.ts'
import { EXIT, PersonsMistake } from './exit.ts'
import { systemFault } from './system-fault.ts'

/** The `tradewind` command: finds the subcommand, runs it, turns what it throws into a message and an exit code. */
async function main(argv: readonly string[]): Promise<number> {
  const [name, ...rest] = argv
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
    process.stdout.write(overview())
    return name === undefined ? EXIT.usage : EXIT.ok
  }
  const command = COMMANDS.find((candidate) => candidate.name === name)
  if (command === undefined) {
    process.stderr.write(`tradewind: there is no command ${JSON.stringify(name)}\n\n${overview()}`)
    return EXIT.usage
  }
  if (rest.includes('--help') || rest.includes('-h')) {
    process.stdout.write(command.help)
    return EXIT.ok
  }
  return run(command, rest)
}

async function run(command: Command, argv: readonly string[]): Promise<number> {
  try {
    const { run: start } = await command.load()
    return (await start(argv)) ?? EXIT.ok
  } catch (error) {
    if (error instanceof UsageError || error instanceof SettingsError) {
      process.stderr.write(`tradewind ${command.name}: ${error.message}\n`)
      return EXIT.usage
    }
    if (error instanceof Error && (error instanceof PersonsMistake || EXPECTED_ERRORS.has(error.name))) {
      process.stderr.write(`tradewind ${command.name}: ${error.message}\n`)
      return EXIT.failed
    }
    const fault = systemFault(error)
    if (fault !== undefined) {
      process.stderr.write(`tradewind ${command.name}: ${fault}\n`)
      return EXIT.failed
    }
    process.stderr.write(`tradewind ${command.name}: unexpected: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
    return EXIT.failed
  }
}

/** Errors whose message says what to do: a stack trace would only hide it. */
const EXPECTED_ERRORS = new Set(['StateDirectoryError', 'StreamThreadFatalError', 'TopologyError', 'ConnectionLostError', 'UnsupportedVersionError', 'KafkaError', 'SinkFatalError', 'SetupError'])

function overview(): string {
  const width = Math.max(...COMMANDS.map(({ name }) => name.length))
  const lines = COMMANDS.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`)
  return `tradewind: exactly-once stream processing for Kafka, and a trade store built on it

Usage: tradewind COMMAND [flags]

${lines.join('\n')}

tradewind COMMAND --help tells more. Settings are flags (--kafka-brokers) or environment
variables (TRADEWIND_KAFKA_BROKERS); tradewind config lists them all.

Exit codes: 0 fine, 1 failed (the message says why), 2 wrong command line or settings,
3 ran, but a check of the results failed.
`
}

// A reader that has had enough (`tradewind config | head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit(EXIT.ok)
})
// Set, not called: what is written to a pipe is flushed before the process ends.
process.exitCode = await main(process.argv.slice(2))
