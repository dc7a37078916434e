import { flagOf, loadSettings, type LoadedSettings, SettingsError } from '../config/load-settings.ts'
import { SETTINGS, type SettingName } from '../config/settings.ts'

/** A mistake in the command line: printed without a stack trace, exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** A flag of one subcommand, beside the settings. */
export interface FlagDefinition {
  readonly kind: 'text' | 'toggle'
  readonly placeholder?: string
  readonly explanation: string
}

export interface CommandLine {
  readonly settings: LoadedSettings
  readonly flags: ReadonlyMap<string, string>
  readonly positionals: readonly string[]
}

const SETTING_FLAGS = new Map<string, SettingName>((Object.keys(SETTINGS) as SettingName[]).map((name) => [flagOf(name), name]))
const TOGGLE_VALUES = new Set(['true', 'false'])
/** Short names for what is typed most. */
const ALIASES = new Map([
  ['data', 'data-dir'],
  ['brokers', 'kafka-brokers'],
])

/**
 * Parses `--flag value`, `--flag=value`, `--toggle` and `--toggle false`. Settings (`--kafka-brokers`) are known to every command, `own` to this one. Throws
 * `SettingsError` with all faults at once: unknown flags, missing values, wrong values, more words than `options.positionals` (default 0).
 */
export function parseArguments(
  argv: readonly string[],
  own: Readonly<Record<string, FlagDefinition>> = {},
  { environment = process.env, positionals: expected = 0 }: { environment?: Record<string, string | undefined>; positionals?: number } = {},
): CommandLine {
  const faults: string[] = []
  const settings = new Map<string, string>()
  const flags = new Map<string, string>()
  const positionals: string[] = []
  for (let i = 0; i < argv.length; i++) {
    const argument = argv[i] ?? ''
    if (!argument.startsWith('--')) {
      positionals.push(argument)
      continue
    }
    const [written = '', inline] = split(argument.slice(2))
    const name = own[written] === undefined ? (ALIASES.get(written) ?? written) : written
    const setting = SETTING_FLAGS.get(name)
    const definition = own[name]
    if (setting === undefined && definition === undefined) {
      faults.push(`--${written} is not known here${suggestion(name, own)}`)
      continue
    }
    const isToggle = definition?.kind === 'toggle' || (setting !== undefined && typeof SETTINGS[setting].default === 'boolean')
    const value = inline ?? (isToggle && !TOGGLE_VALUES.has(argv[i + 1] ?? '') ? 'true' : argv[++i])
    if (definition?.kind === 'toggle' && value !== undefined && !TOGGLE_VALUES.has(value)) faults.push(`--${written} is ${JSON.stringify(value)}; expected true or false`)
    else if (value === undefined) faults.push(`--${written} needs a value`)
    else if (definition !== undefined) flags.set(name, value)
    else settings.set(name, value)
  }
  for (const word of positionals.slice(expected)) faults.push(`${JSON.stringify(word)} is not expected here; flags begin with --`)
  return { settings: load(settings, environment, faults), flags, positionals }
}

function load(flags: ReadonlyMap<string, string>, environment: Record<string, string | undefined>, faults: string[]): LoadedSettings {
  try {
    const loaded = loadSettings(flags, environment)
    if (faults.length === 0) return loaded
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error
    faults.push(...error.faults)
  }
  throw new SettingsError(faults)
}

function split(flag: string): [string, string | undefined] {
  const at = flag.indexOf('=')
  return at < 0 ? [flag, undefined] : [flag.slice(0, at), flag.slice(at + 1)]
}

function suggestion(name: string, own: Readonly<Record<string, FlagDefinition>>): string {
  const near = [...Object.keys(own), ...ALIASES.keys(), ...SETTING_FLAGS.keys()].find((known) => known.startsWith(name) || name.startsWith(known) || known.includes(name))
  return near === undefined ? '; --help lists what is' : `; did you mean --${near}?`
}

/** `20s`, `500ms`, `2m`, `1h` or milliseconds. */
export function parseDuration(flag: string, value: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(value)
  if (match === null) throw new UsageError(`--${flag} is ${JSON.stringify(value)}; expected a duration such as 500ms, 20s, 2m or 1h`)
  const factor = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }[match[2] ?? 'ms'] ?? 1
  return Number(match[1]) * factor
}

/** A whole number of at least `least`. */
export function parseCount(flag: string, value: string, least = 0): number {
  const count = Number(value)
  if (!Number.isSafeInteger(count) || count < least) throw new UsageError(`--${flag} is ${JSON.stringify(value)}; expected a whole number of at least ${least}`)
  return count
}
