import { z } from 'zod'

/**
 * Every setting of Tradewind: its name, its type, its default, its explanation. `tradewind config` prints this table; the environment variable of `kafka.brokers` is
 * TRADEWIND_KAFKA_BROKERS, its flag --kafka-brokers.
 */
export interface SettingDefinition {
  readonly schema: z.ZodType
  readonly default: string | number | boolean | undefined
  readonly explanation: string
  /** Printed as `***`. A URL is masked only in its password. */
  readonly secret?: boolean | 'url'
}

const text = z.string().min(1)
const milliseconds = z.coerce.number().int().min(1)
const count = z.coerce.number().int().min(1)
const toggle = z.union([z.boolean(), z.enum(['true', 'false']).transform((value) => value === 'true')])
const brokerList = text.regex(/^[^\s,]+:\d+(,[^\s,]+:\d+)*$/, 'expected host:port, several separated by commas')
const url = (protocols: string[]) =>
  text.refine((value) => URL.canParse(value) && protocols.includes(new URL(value).protocol), `expected a URL that begins with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`)
/** As MongoDB's drivers take it: several hosts, each with a port, are no URL to others. */
const mongoUrl = text.regex(/^(mongodb:\/\/([^\s/]*@)?[^\s/,@]+(,[^\s/,@]+)*|mongodb\+srv:\/\/([^\s/]*@)?[^\s/,@]+)([/?]\S*)?$/, 'expected a URL that begins with mongodb:// or mongodb+srv://, with one host or several separated by commas')
const calendarDate = text.refine(isCalendarDate, 'expected a day of the calendar as YYYY-MM-DD')
const timeZone = text.refine((value) => Intl.supportedValuesOf('timeZone').includes(value) || value === 'UTC', 'expected an IANA time zone such as Europe/London')

const hostAndPort = text.regex(/^[^\s,]+:\d{1,5}$/, 'expected host:port')

export const SETTINGS = {
  'data.dir': { schema: text, default: '.tradewind/data', explanation: 'Folder of the state directory, and of the embedded stack where that is used.' },
  'application.id': { schema: text.regex(/^[a-zA-Z0-9._-]+$/, 'expected letters, digits, . _ -'), default: 'trades', explanation: 'Consumer group, stem of transactional ids and changelog topics.' },
  'kafka.brokers': { schema: brokerList, default: undefined, explanation: 'host:port of one or more brokers, separated by commas. Not set: the embedded stack in data.dir.' },
  'kafka.tls': { schema: toggle, default: false, explanation: 'Connect to brokers with TLS, verified against the system certificates or kafka.tls.ca.' },
  'kafka.tls.ca': { schema: text, default: undefined, explanation: 'File with the certificate authority of the brokers (PEM).' },
  'kafka.sasl.mechanism': { schema: z.enum(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512']), default: undefined, explanation: 'SASL mechanism; with kafka.sasl.username and kafka.sasl.password.' },
  'kafka.sasl.username': { schema: text, default: undefined, explanation: 'SASL user.' },
  'kafka.sasl.password': { schema: text, default: undefined, explanation: 'SASL password.', secret: true },
  'postgres.url': { schema: url(['postgres:', 'postgresql:']), default: undefined, explanation: 'PostgreSQL of the trade sink. Not set: the embedded stack in data.dir.', secret: 'url' },
  'mongo.url': { schema: mongoUrl, default: undefined, explanation: 'MongoDB of the audit sink. Not set: the embedded stack in data.dir.', secret: 'url' },
  'topics.prefix': { schema: z.string().regex(/^[a-zA-Z0-9._-]*$/, 'expected letters, digits, . _ -'), default: '', explanation: 'Put before the name of every topic of the trade store: several of them can then share a cluster, each with its own application.id.' },
  'topics.partitions': { schema: count, default: 12, explanation: 'Partitions of topics that are created. Input topics keep their number: a processor that finds another one stops.' },
  'topics.replicationFactor': { schema: z.coerce.number().int().min(-1).max(32), default: -1, explanation: 'Replication of topics that are created; -1: the default of the brokers.' },
  'topics.create': { schema: toggle, default: true, explanation: 'Create topics that are missing. false: a missing topic stops the start.' },
  'threads': { schema: count.max(64), default: 1, explanation: 'Stream threads of the processor.' },
  'business.date': { schema: calendarDate, default: undefined, explanation: 'Fixed business date, for tests. Not set: the date of now in business.timeZone.' },
  'business.timeZone': { schema: timeZone, default: 'UTC', explanation: 'Time zone in which the business date is the date of now.' },
  'input.checkPartition': { schema: toggle, default: true, explanation: 'Refuse trades that do not lie in the partition that murmur2 gives their key.' },
  'input.startAt': { schema: z.enum(['earliest', 'latest']), default: 'earliest', explanation: 'Where an input partition without a committed offset is taken up.' },
  'commit.producers': { schema: z.coerce.number().int().min(1).max(2), default: 2, explanation: 'Transactional producers that take turns. 2: the next commit does not wait for the markers of the last.' },
  'commit.minIntervalMs': { schema: z.coerce.number().min(0), default: 10, explanation: 'A commit starts at most this often while no input is waiting.' },
  'commit.targetRecords': { schema: count, default: 16_000, explanation: 'While input is waiting, a transaction grows to this many input records.' },
  'commit.maxAgeMs': { schema: milliseconds, default: 60, explanation: 'Oldest age of a transaction before it is committed; four times that while the input is far behind.' },
  'transaction.timeoutMs': { schema: milliseconds.min(1_000), default: 10_000, explanation: 'After this the broker aborts a transaction whose producer is silent.' },
  'membership.sessionTimeoutMs': { schema: milliseconds, default: 45_000, explanation: 'After this the group gives the tasks of a silent member to others.' },
  'membership.rebalanceTimeoutMs': { schema: milliseconds, default: 60_000, explanation: 'How long a rebalance waits for members that commit and close tasks.' },
  'membership.onStop': { schema: z.enum(['leave', 'stay']), default: 'leave', explanation: 'On SIGTERM, leave: others take over at once. stay: the member keeps its place for its session time-out (rolling restarts).' },
  'state.adopt': { schema: toggle, default: false, explanation: 'Take over a state directory that was copied or moved here on purpose.' },
  'state.segmentBytes': { schema: count.min(65_536), default: 67_108_864, explanation: 'Files of the state stores: a new one begins at this size, and an old one is compacted away as a whole.' },
  'queries.listen': { schema: hostAndPort, default: '127.0.0.1:0', explanation: 'Where a processor answers look-ups in its state stores, for gateways: thread n listens on port + n; port 0: any that is free.' },
  'queries.advertise': { schema: hostAndPort, default: undefined, explanation: 'The same as seen from the gateways, where it is another address. Not set: queries.listen.' },
  'http.listen': { schema: hostAndPort, default: '127.0.0.1:8080', explanation: 'Where the gateway takes HTTP requests; port 0: any that is free.' },
  'http.secret': { schema: text.min(32, 'expected at least 32 characters'), default: undefined, explanation: 'Signs request ids: the same for all gateways of an application. Not set: one that is kept in data.dir.', secret: true },
  'http.writesPerSecond': { schema: count, default: undefined, explanation: 'Writing calls that a caller at one address may make a second at each gateway; more are answered 429 with Retry-After. A batch is one call. Not set: no limit.' },
  'sink.batchRows': { schema: count.max(100_000), default: 5_000, explanation: 'Most rows of one write of a sink.' },
  'sink.instanceId': {
    schema: text.regex(/^[a-zA-Z0-9._-]+$/, 'expected letters, digits, . _ -'),
    default: undefined,
    explanation: 'A name that this sink keeps over restarts, another one for each sink of a kind: after a crash it has its partitions back at once instead of after a session time-out.',
  },
  'sink.listen': { schema: hostAndPort, default: '127.0.0.1:0', explanation: 'Where a sink tells gateways how it is, and is paused and resumed; port 0: any that is free.' },
  'sink.advertise': { schema: hostAndPort, default: undefined, explanation: 'The same as seen from the gateways, where it is another address. Not set: sink.listen.' },
  'trace.url': { schema: text.regex(/^https?:\/\/.*\{trace_id\}/, 'expected a URL with {trace_id} in it'), default: undefined, explanation: 'Where a trace is shown, for the links of a timeline: https://traces.example/trace/{trace_id}. Not set: traces are named only.' },
  'mongo.retentionDays': { schema: count, default: 90, explanation: 'After this MongoDB removes audit, history and event documents.' },
} as const satisfies Record<string, SettingDefinition>

export type SettingName = keyof typeof SETTINGS

type WithDefault<Name extends SettingName> = (typeof SETTINGS)[Name]['default'] extends undefined ? z.output<(typeof SETTINGS)[Name]['schema']> | undefined : z.output<(typeof SETTINGS)[Name]['schema']>

function isCalendarDate(value: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(value) || value < '0001') return false
  const date = new Date(value)
  // The platform may take February 31 for March 3.
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(value)
}

/** Settings after validation: frozen. */
export type Settings = { readonly [Name in SettingName]: WithDefault<Name> }
