import type { Role } from '../../cli/demo/role.ts'
import type { ProcessorStatus } from '../../cli/processor-status.ts'
import { readTopic } from '../../cli/self-check/read-topic.ts'
import type { SinkStatus } from '../../cli/sink-status.ts'
import type { CommittedCursor } from '../../records/committed-cursor.ts'
import { readHeaders } from '../../records/headers.ts'
import { type ActualRecord, compare, report } from '../model/compare.ts'
import type { Header } from '../model/expected.ts'
import { type ModelInput, type ModelOutputs, TradeModel } from '../model/trade-model.ts'
import type { TradeEnvironment } from './trade-environment.ts'

/** Kafka's own; the topics are made without another. */
export const MAX_MESSAGE_BYTES = 1_048_588

export interface ModelRun {
  readonly businessDate: string
  /** When the first record may have been processed, and the last: wall clock. */
  readonly processing: { readonly fromMs: number; readonly toMs: number }
  /** Called when the model has seen all input: further runs of expiry, for instance. Answers what they must lead to. */
  readonly afterInput?: (model: TradeModel) => Iterable<ModelOutputs>
}

/** Compares every committed record of every output topic with what the model makes of the input. Answers the differences, for people; empty: none. */
export async function differencesFromModel(environment: TradeEnvironment, { businessDate, processing, afterInput }: ModelRun): Promise<{ differences: string; inputs: number; outcomes: ReadonlyMap<string, number> }> {
  const inputs = await readInputs(environment)
  const actual = await readOutputs(environment)
  const processedAt = processingTimes(actual, processing)
  const model = new TradeModel({ businessDate, partitions: environment.settings['topics.partitions'], maxMessageBytes: MAX_MESSAGE_BYTES, topic: environment.topics.ingested })
  const expected = inputs.map((input) => model.apply(input, processedAt(input)))
  expected.push(...(afterInput?.(model) ?? []))
  const outcomes = new Map<string, number>()
  for (const { outcome } of expected) outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
  return { differences: report(compare(actual, expected, { processing })), inputs: inputs.length, outcomes }
}

export interface RunToEnd {
  readonly businessDate: string
  /** When the first record may have been processed. */
  readonly fromMs: number
  readonly processor: Role<ProcessorStatus>
  readonly sinks: { readonly postgres: Role<SinkStatus>; readonly mongo: Role<SinkStatus> }
}

/** Lets the roles work off what there is, stops them, and holds topics, state store and databases against the model and each other. Answers what is wrong, for people; empty: nothing. */
export async function faultsInTheEnd(environment: TradeEnvironment, { businessDate, fromMs, processor, sinks }: RunToEnd): Promise<{ faults: string; inputs: number }> {
  await environment.processed(processor)
  const toMs = Date.now()
  await environment.written('postgres', sinks.postgres)
  await environment.written('mongo', sinks.mongo)
  await environment.stop(processor, sinks.postgres, sinks.mongo)
  const { differences, inputs } = await differencesFromModel(environment, { businessDate, processing: { fromMs, toMs } })
  return { faults: [differences, await environment.faults()].filter(Boolean).join('\n'), inputs }
}

/** The input, in the order of each partition. */
export async function readInputs(environment: TradeEnvironment): Promise<ModelInput[]> {
  const inputs: ModelInput[] = []
  await readTopic(environment.client, environment.topics.ingested, (record, partition) => {
    inputs.push({ ...contentOf(record), partition, offset: record.offset })
  })
  return inputs
}

/** All output but what a database refused, under the names that the topics have without a prefix. */
export async function readOutputs(environment: TradeEnvironment): Promise<ActualRecord[]> {
  const { ingested: _, ...outputs } = environment.topics
  const records: ActualRecord[] = []
  for (const topic of Object.values(outputs)) {
    const name = topic.slice(environment.settings['topics.prefix'].length)
    await readTopic(environment.client, topic, (cursor, partition) => {
      const record = { ...contentOf(cursor), topic: name, partition, offset: cursor.offset }
      if (!record.headers.some(({ key }) => key === '__connect.errors.topic')) records.push(record)
    })
  }
  return records
}

function contentOf(record: CommittedCursor): { timestamp: number; key: Buffer | null; value: Buffer | null; headers: Header[] } {
  return {
    timestamp: record.timestamp,
    key: record.hasKey ? record.key.copy() : null,
    value: record.hasValue ? record.value.copy() : null,
    headers: record.headerCount === 0 ? [] : readHeaders(record.headers).map(({ key, value }) => ({ key, value: value === undefined ? null : Buffer.from(value) })),
  }
}

const DAY_MS = 86_400_000

/**
 * When a record was processed is known only where its audit entry says so: where it is stamped with another time than the input's. That matters where the input was
 * stamped a moment ahead, or nearly a day before: whether it lay in the future, or within the day, depends on the moment of processing. The comparison holds such a time against the span of the run.
 */
export function processingTimes(actual: readonly ActualRecord[], { fromMs, toMs }: ModelRun['processing']): (input: ModelInput) => number {
  const stamps = new Map<string, number>()
  for (const { topic, timestamp, value } of actual) {
    if (topic !== 'trade.audit' || value === null) continue
    const source = /"source":\{"topic":"[^"]*","partition":(\d+),"offset":(\d+)\}/.exec(value.toString('latin1'))
    if (source !== null) stamps.set(`${source[1]}@${source[2]}`, timestamp)
  }
  return ({ partition, offset, timestamp }) => {
    const stamp = stamps.get(`${partition}@${offset}`) ?? timestamp
    if (stamp !== timestamp) return Math.min(stamp, toMs)
    // It kept the input's time: in a run of an hour a record of 23 hours was not yet a day old when it was processed, and is in the end.
    const oldestMs = timestamp + DAY_MS
    return oldestMs < fromMs ? toMs : Math.min(oldestMs, toMs)
  }
}
