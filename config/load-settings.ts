import { SETTINGS, type SettingDefinition, type SettingName, type Settings } from './settings.ts'

/** Faults in settings, all of them at once, in words for the person who set them. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError'
  readonly faults: readonly string[]

  constructor(faults: readonly string[]) {
    super(`${faults.length === 1 ? 'one setting is' : `${faults.length} settings are`} wrong:\n${faults.map((fault) => `  - ${fault}`).join('\n')}`)
    this.faults = faults
  }
}

export type SettingSource = 'default' | `flag --${string}` | `environment ${string}` | 'embedded stack'

export interface LoadedSettings {
  readonly values: Settings
  readonly sources: ReadonlyMap<SettingName, SettingSource>
}

const NAMES = Object.keys(SETTINGS) as SettingName[]
const ENVIRONMENT_PREFIX = 'TRADEWIND_'

/** `kafka.brokers` is `--kafka-brokers`, `commit.minIntervalMs` is `--commit-min-interval-ms`. */
export function flagOf(name: SettingName): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`).replaceAll('.', '-')
}

/** `kafka.brokers` is `TRADEWIND_KAFKA_BROKERS`. */
export function environmentVariableOf(name: SettingName): string {
  return `${ENVIRONMENT_PREFIX}${flagOf(name).replaceAll('-', '_').toUpperCase()}`
}

/**
 * Settings from flags, then the environment, then defaults. Unknown flags are the caller's to refuse (they may be its own); an unknown environment variable that begins with TRADEWIND_ is a
 * fault, because it is most likely a slip of the pen. Throws `SettingsError` with every fault.
 */
export function loadSettings(flags: ReadonlyMap<string, string>, environment: Record<string, string | undefined>): LoadedSettings {
  const faults = unknownVariables(environment)
  const sources = new Map<SettingName, SettingSource>()
  const values: Record<string, unknown> = {}
  for (const name of NAMES) {
    const given = find(name, flags, environment)
    sources.set(name, given?.source ?? 'default')
    // Each definition has its own literal type; they are read here as what they have in common.
    const definition: SettingDefinition = SETTINGS[name]
    if (given === undefined) {
      values[name] = definition.default
      continue
    }
    const parsed = definition.schema.safeParse(given.value)
    if (parsed.success) values[name] = parsed.data
    else faults.push(`${name} (${given.source}) is ${JSON.stringify(shown(given.value, definition.secret))}: ${parsed.error.issues.map((issue) => issue.message).join('; ')}. ${definition.explanation}`)
  }
  // Every name was filled by its own schema or default.
  const settings = values as Settings
  faults.push(...crossFaults(settings))
  if (faults.length > 0) throw new SettingsError(faults)
  return { values: Object.freeze(settings), sources }
}

/** Settings as a table for people: name, value, source; secrets masked. */
export function describeSettings({ values, sources }: LoadedSettings): { name: string; value: string; source: string; explanation: string }[] {
  return NAMES.map((name) => {
    const definition: SettingDefinition = SETTINGS[name]
    return { name, value: shown(values[name], definition.secret), source: sources.get(name) ?? 'default', explanation: definition.explanation }
  })
}

function find(name: SettingName, flags: ReadonlyMap<string, string>, environment: Record<string, string | undefined>): { value: string; source: SettingSource } | undefined {
  const flag = flagOf(name)
  const fromFlag = flags.get(flag)
  if (fromFlag !== undefined) return { value: fromFlag, source: `flag --${flag}` }
  const variable = environmentVariableOf(name)
  const fromEnvironment = environment[variable]
  return fromEnvironment === undefined || fromEnvironment === '' ? undefined : { value: fromEnvironment, source: `environment ${variable}` }
}

function unknownVariables(environment: Record<string, string | undefined>): string[] {
  const known = new Set(NAMES.map(environmentVariableOf))
  return Object.keys(environment)
    .filter((variable) => variable.startsWith(ENVIRONMENT_PREFIX) && !known.has(variable) && !INTERNAL.has(variable))
    .map((variable) => `environment variable ${variable} is not a setting; known are those of tradewind config`)
}

/** Variables of the development tools, which are no settings. */
const INTERNAL = new Set(['TRADEWIND_CACHE', 'TRADEWIND_FAILPOINT', 'TRADEWIND_TEST_RUN'])

function crossFaults(settings: Settings): string[] {
  const faults: string[] = []
  const sasl = [settings['kafka.sasl.mechanism'], settings['kafka.sasl.username'], settings['kafka.sasl.password']]
  if (sasl.some((part) => part !== undefined) && sasl.some((part) => part === undefined)) faults.push('kafka.sasl.mechanism, kafka.sasl.username and kafka.sasl.password belong together: set all three, or none')
  if (settings['kafka.tls.ca'] !== undefined && settings['kafka.tls'] === false) faults.push('kafka.tls.ca is set but kafka.tls is false: set kafka.tls to true, or drop the file')
  for (const [listen, advertise] of [['queries.listen', 'queries.advertise'], ['sink.listen', 'sink.advertise']] as const) {
    if (!/^(0\.0\.0\.0|\[?::\]?):/.test(settings[listen]) || settings[advertise] !== undefined) continue
    faults.push(`${listen} (${settings[listen]}) names every address of the machine: set ${advertise} to the one that gateways reach, or listen on one address`)
  }
  const session = settings['membership.sessionTimeoutMs']
  if (Number.isFinite(session) && settings['membership.rebalanceTimeoutMs'] < session) {
    faults.push(`membership.rebalanceTimeoutMs (${settings['membership.rebalanceTimeoutMs']}) is below membership.sessionTimeoutMs (${session}): raise the first or lower the second`)
  }
  return faults
}

function shown(value: string | number | boolean | undefined, secret: boolean | 'url' | undefined): string {
  if (value === undefined) return '(not set)'
  if (secret === true) return '***'
  return secret === 'url' ? maskUrl(String(value)) : String(value)
}

/** Up to the last @: a password that was written without escapes may hold any sign. Rather too much is masked than too little. */
function maskUrl(url: string): string {
  return url.replace(/(:\/\/[^:/@]*):.*@/, '$1:***@').replace(/([?&][^=&]*password=)[^&]*/gi, '$1***')
}
