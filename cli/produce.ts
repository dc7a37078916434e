import { MixedWorkload } from '../bench/workload/mixed-workload.ts'
import { TradeWorkload } from '../bench/workload/trade-workload.ts'
import type { Workload } from '../bench/workload/workload.ts'
import type { Settings } from '../config/settings.ts'
import { systemClock } from '../ports/system-clock.ts'
import { tradeTopics } from '../topology/trade-topics.ts'
import { parseArguments, parseCount, parseDuration, UsageError } from './arguments.ts'
import { connectionOf } from './connections.ts'
import { leaveParent, tellParent } from './parent-process.ts'
import { EXIT } from './exit.ts'
import { connectKafka } from './kafka.ts'
import { LoadGenerator } from './load-generator.ts'
import type { ProduceStatus } from './produce-status.ts'
import { stopRequested } from './stop-signal.ts'

const STATUS_INTERVAL_MS = 500

const FLAGS = {
  rate: { kind: 'text', placeholder: 'N', explanation: 'Records a second; 0: as fast as possible.' },
  for: { kind: 'text', placeholder: 'DURATION', explanation: 'Stop after that time.' },
  count: { kind: 'text', placeholder: 'N', explanation: 'Stop after that many records.' },
  seed: { kind: 'text', placeholder: 'N', explanation: 'Seed of the generator.' },
  workload: { kind: 'text', placeholder: 'NAME', explanation: 'mixed or trade.' },
  topic: { kind: 'text', placeholder: 'NAME', explanation: 'The topic to send to.' },
  keys: { kind: 'text', placeholder: 'N', explanation: 'Trades of the trade workload.' },
  unique: { kind: 'toggle', explanation: 'Each trade of the trade workload in turn: to fill a store.' },
} as const

/** `tradewind produce`: sends generated trades until its time or count is over, or until it is told to stop. */
export async function run(argv: readonly string[]): Promise<number> {
  const { settings, flags } = parseArguments(argv, FLAGS)
  const duration = flags.get('for')
  const count = flags.get('count')
  const workload = workloadOf(flags, settings.values)
  const limits = { ...(duration !== undefined && { durationMs: parseDuration('for', duration) }), ...(count !== undefined && { count: parseCount('count', count) }) }
  const ratePerS = parseCount('rate', flags.get('rate') ?? '2000')

  const stopping = new AbortController()
  void stopRequested().promise.then(() => stopping.abort())
  const kafka = connectKafka(settings.values, await connectionOf(settings, 'brokers'), 'tradewind-produce')
  const generator = new LoadGenerator({ client: kafka.client, clock: systemClock, workload, topic: flags.get('topic') ?? tradeTopics(settings.values['topics.prefix']).ingested, ratePerS, ...limits })
  const timer = setInterval(() => tellStatus(generator), STATUS_INTERVAL_MS)
  try {
    const { acknowledged, acknowledgedByPartition, sent, unknown, refused, lastError } = await generator.run(stopping.signal)
    tellStatus(generator)
    process.stdout.write(`${sent} sent, ${acknowledged} acknowledged (by partition: ${acknowledgedByPartition.join(' ')})\n`)
    if (acknowledged === sent) return EXIT.ok
    process.stderr.write(`${unknown} of unknown outcome, ${refused} refused; the last error: ${lastError}\n`)
    return EXIT.failed
  } finally {
    clearInterval(timer)
    await kafka.close()
    leaveParent()
  }
}

function workloadOf(flags: ReadonlyMap<string, string>, settings: Settings): Workload {
  const name = flags.get('workload') ?? 'mixed'
  const seed = parseCount('seed', flags.get('seed') ?? '42')
  if (name === 'trade') return new TradeWorkload({ seed, keys: parseCount('keys', flags.get('keys') ?? '500000', 1), unique: flags.get('unique') === 'true' })
  if (name !== 'mixed') throw new UsageError(`--workload is ${JSON.stringify(name)}; expected mixed or trade`)
  // Timestamps of long ago are for tests: here they would count as latency.
  return new MixedWorkload({ seed, oddTimestampShare: 0, businessDate: settings['business.date'] ?? dateOfNow(settings['business.timeZone']) })
}

function dateOfNow(timeZone: string): string {
  return new Intl.DateTimeFormat('sv-SE', { timeZone, year: 'numeric', month: '2-digit', day: '2-digit' }).format(systemClock.now())
}

function tellStatus(generator: LoadGenerator): void {
  const { startedMs, sent, acknowledged } = generator.report
  const status: ProduceStatus = { role: 'produce', startedMs, sent, acknowledged }
  tellParent(status)
}
