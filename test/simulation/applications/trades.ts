import { MixedWorkload } from '../../../bench/workload/mixed-workload.ts'
import { WorkloadRecord } from '../../../bench/workload/workload.ts'
import type { ByteView } from '../../../records/byte-view.ts'
import { murmur2, partitionOf } from '../../../records/murmur2.ts'
import type { SeededRandom } from '../../../engine/simulation/seeded-random.ts'
import type { InputRecord, RunResult, SimulatedApplication, SimulatedRecord } from '../../../engine/simulation/simulated-application.ts'
import { TRADE_TOPICS, tradeTopicDefinitions } from '../../../topology/trade-topics.ts'
import { createTrades } from '../../../topology/trades.ts'
import { compare, report } from '../../model/compare.ts'
import { TradeModel } from '../../model/trade-model.ts'

const BUSINESS_DATE = '2026-12-11'
const MAX_MESSAGE_BYTES = 1_048_588

/** The trade store, with every kind of outcome in its input, against the independent model of its rules. */
export function trades(random: SeededRandom): SimulatedApplication {
  const partitions = random.integer(1, 4)
  const keys = Math.floor(random.logarithmic(5, 500))
  return {
    name: `trade store, ${keys} trades in ${partitions} partitions`,
    applicationId: 'trades',
    topology: () => createTrades({ businessDate: BUSINESS_DATE }).topology,
    topics: tradeTopicDefinitions(TRADE_TOPICS).map(({ name, configs }) => ({ name, configs, partitions })),
    workload: (chance) => {
      const workload = new MixedWorkload({
        seed: chance.integer(0, 2 ** 31),
        keys,
        businessDate: BUSINESS_DATE,
        maxMessageBytes: MAX_MESSAGE_BYTES,
        wrongPartitions: partitions > 1,
        // A megabyte each: they are for the tests on real brokers.
        rates: { LARGE: 0, TOO_LARGE: 0, HEAVY_HEADERS: 0 },
      })
      const record = new WorkloadRecord()
      return () => {
        workload.next(record)
        return inputOf(record, partitions)
      }
    },
    check: (result) => checkTrades(result, partitions),
    mayGrow: true,
  }
}

function inputOf(record: WorkloadRecord, partitions: number): InputRecord {
  const { buffer, start, end } = record.placement
  return {
    topic: TRADE_TOPICS.ingested,
    partition: (partitionOf(murmur2(buffer, start, end), partitions) + record.partitionShift) % partitions,
    ageMs: record.timestampAgeMs,
    key: record.hasKey ? copy(record.key) : null,
    value: record.hasValue ? copy(record.value) : null,
    headers: record.headers.map(({ key, value }) => ({ key, value: value === null ? null : Buffer.from(value) })),
  }
}

function checkTrades({ inputs, outputs, processing }: RunResult, partitions: number): string[] {
  const model = new TradeModel({ businessDate: BUSINESS_DATE, partitions, maxMessageBytes: MAX_MESSAGE_BYTES })
  const processedAt = processingTimes(outputs, processing.toMs)
  const expected = inputs.map((input) => model.apply(input, processedAt(input)))
  return report(compare(outputs, expected, { processing, limit: 5 }))
    .split('\n')
    .filter((line) => line !== '')
}

/** When a record was processed is known only where its audit entry is stamped with another time than the input's. */
function processingTimes(outputs: readonly SimulatedRecord[], latestMs: number): (input: SimulatedRecord) => number {
  const stamps = new Map<string, number>()
  for (const { topic, timestamp, value } of outputs) {
    if (topic !== TRADE_TOPICS.audit || value === null) continue
    const source = /"source":\{"topic":"[^"]*","partition":(\d+),"offset":(\d+)\}/.exec(value.toString('latin1'))
    if (source !== null) stamps.set(`${source[1]}@${source[2]}`, timestamp)
  }
  return ({ partition, offset, timestamp }) => {
    const stamp = stamps.get(`${partition}@${offset}`) ?? timestamp
    return stamp === timestamp || stamp > latestMs ? latestMs : stamp
  }
}

function copy(view: ByteView): Buffer {
  return Buffer.from(view.buffer.subarray(view.start, view.end))
}
