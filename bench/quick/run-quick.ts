import { writeFile } from 'node:fs/promises'
import { AuditMonitor } from '../../cli/demo/audit-monitor.ts'
import { readTopic } from '../../cli/self-check/read-topic.ts'
import { TRADE_TOPICS } from '../../topology/trade-topics.ts'
import { BenchStack, pause, until } from '../harness/bench-stack.ts'

interface Figure {
  readonly name: string
  readonly value: number
  readonly unit: string
  readonly floor: string
  readonly held: boolean
  readonly detail: string
}

export interface QuickOptions {
  readonly records: number
  readonly rounds: number
  readonly report: string | undefined
}

const LATENCY_RATE = 5_000
const LATENCY_STRETCHES = 3
const LATENCY_STRETCH_SECONDS = 30
/** They belong to compilers: the broker's code of transactions settles after some thousand of them. */
const LATENCY_WARM_SECONDS = 90
const RESTART_TRADES = 1_000_000

/** The floors that a release may not fall below, each measured on a warm broker with its result checked. Answers the exit code. */
export async function runQuick(options: QuickOptions): Promise<number> {
  const stack = await BenchStack.start()
  try {
    // Latency first: after drains and sinks the broker compacts and PostgreSQL cleans up for minutes, on the same two cores.
    const figures = [await latency(stack), ...(await drain(stack, options)), await sink(stack), await restart(stack)]
    for (const figure of figures) {
      process.stdout.write(`${figure.held ? 'ok  ' : 'FAIL'} ${figure.name.padEnd(34)} ${figure.value.toLocaleString('en').padStart(10)} ${figure.unit.padEnd(10)} floor ${figure.floor}\n       ${figure.detail}\n`)
    }
    if (options.report !== undefined) await writeFile(options.report, `${JSON.stringify(figures, undefined, 2)}\n`)
    return figures.every(({ held }) => held) ? 0 : 3
  } finally {
    await stack.close()
  }
}

/** Preloaded input, processed as fast as it goes, again and again by applications that know nothing yet. */
async function drain(stack: BenchStack, { records, rounds }: QuickOptions): Promise<Figure[]> {
  say(`preloading ${records.toLocaleString('en')} records`)
  await stack.freshTopics({ input: true })
  await stack.preload(['--count', String(records)])
  const rates: number[] = []
  let memoryBytes = 0
  for (let round = 0; round <= rounds; round++) {
    await stack.freshTopics({ input: false })
    const processor = stack.processor(`drain-${round}`)
    const first = await until(processor, ({ recordsCommitted }) => recordsCommitted > 0)
    const startedMs = performance.now()
    let peakBytes = 0
    const last = await until(processor, ({ recordsCommitted, memoryBytes: bytes }) => {
      peakBytes = Math.max(peakBytes, bytes)
      return recordsCommitted >= records
    })
    const seconds = (performance.now() - startedMs) / 1000
    await processor.stop(30_000)
    const rate = Math.round((last.recordsCommitted - first.recordsCommitted) / seconds)
    await checkAuditCount(stack, records)
    say(`drain ${round === 0 ? '(warming)' : round}: ${rate.toLocaleString('en')} records/s in ${last.transactionsCommitted} transactions, ${((last.cpuSeconds - first.cpuSeconds) / ((last.recordsCommitted - first.recordsCommitted) / 1e6)).toFixed(2)} CPU s a million, ${Math.round(peakBytes / 1e6)} MB`)
    if (round > 0) rates.push(rate)
    memoryBytes = Math.max(memoryBytes, peakBytes)
  }
  const median = medianOf(rates)
  const memoryMb = Math.round(memoryBytes / 1e6)
  return [
    { name: 'drain, one stream thread', value: median, unit: 'records/s', floor: '150,000', held: median >= 150_000, detail: `median of ${rates.map((rate) => rate.toLocaleString('en')).join(', ')}` },
    { name: 'memory of the processor', value: memoryMb, unit: 'MB', floor: '600 at most', held: memoryMb < 600, detail: 'highest resident set of all drains' },
  ]
}

async function checkAuditCount(stack: BenchStack, expected: number): Promise<void> {
  let entries = 0
  await readTopic(stack.client, TRADE_TOPICS.audit, () => {
    entries++
  })
  if (entries !== expected) throw new Error(`${entries} audit entries for ${expected} records`)
}

/** The output of the last drain into empty tables. */
async function sink(stack: BenchStack): Promise<Figure> {
  const role = stack.sink('bench')
  const first = await until(role, ({ rowsWritten }) => rowsWritten > 0)
  const startedMs = performance.now()
  const last = await until(role, ({ lag, rowsWritten }) => rowsWritten > first.rowsWritten && lag === 0)
  const seconds = (performance.now() - startedMs) / 1000
  await role.stop(30_000)
  const rate = Math.round((last.rowsWritten - first.rowsWritten) / seconds)
  const recordRate = Math.round((last.recordsRead - first.recordsRead) / seconds)
  return { name: 'PostgreSQL sink', value: rate, unit: 'rows/s', floor: '40,000', held: rate >= 40_000, detail: `${recordRate.toLocaleString('en')} records/s read; rows of trades and trade_versions as the database counts them` }
}

async function latency(stack: BenchStack): Promise<Figure> {
  await stack.freshTopics({ input: true })
  const processor = stack.processor('latency')
  await until(processor, ({ running }) => running.length === 12)
  const monitor = await AuditMonitor.start(stack.client, TRADE_TOPICS.audit)
  const load = stack.load(['--rate', String(LATENCY_RATE), '--for', `${LATENCY_WARM_SECONDS + LATENCY_STRETCHES * LATENCY_STRETCH_SECONDS}s`])
  await until(load, ({ sent }) => sent > LATENCY_RATE * LATENCY_WARM_SECONDS)
  const stretches: { p50Ms: number; p99Ms: number }[] = []
  for (let stretch = 1; stretch <= LATENCY_STRETCHES; stretch++) {
    monitor.all.reset()
    await until(load, ({ sent }) => sent >= LATENCY_RATE * (LATENCY_WARM_SECONDS + stretch * LATENCY_STRETCH_SECONDS))
    stretches.push({ p50Ms: monitor.all.percentileMs(0.5) ?? 0, p99Ms: monitor.all.percentileMs(0.99) ?? 0 })
  }
  await load.ended
  const { acknowledged = 0 } = load.status ?? {}
  while (monitor.entries < acknowledged) await pause()
  await monitor.close()
  await processor.stop(30_000)
  const p99 = Number((medianOf(stretches.map(({ p99Ms }) => p99Ms))).toFixed(1))
  const detail = `median of ${LATENCY_STRETCHES} stretches of ${LATENCY_STRETCH_SECONDS} s; p50 / p99: ${stretches.map(({ p50Ms, p99Ms }) => `${p50Ms.toFixed(1)} / ${p99Ms.toFixed(1)}`).join(', ')}`
  return { name: `latency to audit at ${LATENCY_RATE}/s, p99`, value: p99, unit: 'ms', floor: '60 at most', held: p99 <= 60, detail }
}

/** A million trades on the disk, killed under load: how long until it commits again. */
async function restart(stack: BenchStack): Promise<Figure> {
  await stack.freshTopics({ input: true })
  await stack.preload(['--unique', '--keys', String(RESTART_TRADES), '--count', String(RESTART_TRADES)])
  const first = stack.processor('restart')
  await until(first, ({ recordsCommitted }) => recordsCommitted >= RESTART_TRADES)
  const load = stack.load(['--rate', '2000', '--for', '60s', '--seed', '7'])
  await until(load, ({ sent }) => sent > 4_000)
  const times: number[] = []
  let killed = first
  for (let round = 0; round < 3; round++) {
    killed.kill()
    await killed.ended
    const startedMs = performance.now()
    const next = stack.processor('restart')
    const status = await until(next, ({ firstCommitMs }) => firstCommitMs !== undefined)
    say(`restart ${round + 1}: first commit after ${Math.round(status.firstCommitMs ?? 0)} ms (seen after ${Math.round(performance.now() - startedMs)} ms), ${status.recordsRestored} records restored`)
    times.push(Math.round(status.firstCommitMs ?? 0))
    await until(next, ({ recordsCommitted }) => recordsCommitted > 2_000)
    killed = next
  }
  await load.stop(30_000)
  await killed.stop(30_000)
  const median = medianOf(times)
  return { name: 'first commit after kill -9, 1 M trades', value: median, unit: 'ms', floor: '3,000 at most', held: median <= 3_000, detail: `from process start, median of ${times.join(', ')}` }
}

function medianOf(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
}

function say(line: string): void {
  process.stderr.write(`${line}\n`)
}
