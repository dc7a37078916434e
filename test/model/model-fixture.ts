import type { ActualRecord } from './compare.ts'
import { describe, exampleOf, type ExpectedRecord, type Header } from './expected.ts'
import { writeJson } from './json.ts'
import { ERROR_HEADERS } from './output-records.ts'
import { plainPartitionOf } from './plain-murmur2.ts'
import { type ModelInput, type ModelOutputs, TradeModel, type TradeModelOptions } from './trade-model.ts'

export const NOW_MS = Date.parse('2026-12-11T10:00:00.000Z')
export const DAY_MS = 86_400_000
export const PARTITIONS = 12

/** A model with short ways to feed it. Offsets count by themselves. */
export class ModelFixture {
  readonly model: TradeModel
  nowMs = NOW_MS
  #offset = 0

  constructor(options: Partial<TradeModelOptions> = {}) {
    this.model = new TradeModel({ businessDate: '2026-12-11', partitions: PARTITIONS, maxMessageBytes: 1_048_588, ...options })
  }

  trade(fields: Record<string, unknown> = {}, more: Partial<ModelInput> = {}): ModelOutputs {
    const whole = { ...TRADE, ...fields }
    return this.send(String(whole.trade_id), JSON.stringify(whole), more)
  }

  delete(key: string, more: Partial<ModelInput> = {}): ModelOutputs {
    return this.send(key, null, more)
  }

  send(key: string | Buffer | null, value: string | Buffer | null, more: Partial<ModelInput> = {}): ModelOutputs {
    const keyBytes = typeof key === 'string' ? Buffer.from(key) : key
    const partition = keyBytes === null ? 0 : plainPartitionOf(keyBytes, PARTITIONS)
    return this.model.apply({ partition, offset: this.#offset++, timestamp: this.nowMs, key: keyBytes, value: typeof value === 'string' ? Buffer.from(value) : value, headers: [], ...more }, this.nowMs)
  }
}

export const TRADE = {
  trade_id: 'T1', version: 1, counterparty_id: 'CP-1', book_id: 'B1', maturity_date: '2027-05-20', created_date: '2026-12-11', expired: false,
}

export function requestId(id: string | Buffer | null): Header {
  return { key: 'request-id', value: typeof id === 'string' ? Buffer.from(id) : id }
}

/** A member of an expected value, as text: rules in angle brackets. */
export function shown(record: ExpectedRecord | undefined, ...path: string[]): string | undefined {
  let value: unknown = record?.value
  for (const name of path) value = value instanceof Map ? value.get(name) : undefined
  return value === undefined ? undefined : describe(value as Parameters<typeof describe>[0]) // a Map of expected values holds expected values
}

/** The topics that get a record, in the order of the domain. */
export function topicsOf({ processed, expired, repaired, audit, deadLetter }: ModelOutputs): string[] {
  return [processed, expired, repaired, audit, deadLetter].filter((record) => record !== undefined).map(({ topic }) => topic)
}

/** What a faultless product would write for these outputs, one offset after the other. */
export function faultless(all: readonly ModelOutputs[]): ActualRecord[] {
  const offsets = new Map<string, number>()
  return all.flatMap((outputs) => [outputs.processed, outputs.expired, outputs.repaired, outputs.audit, outputs.deadLetter]
    .filter((record) => record !== undefined)
    .map((record): ActualRecord => {
      const lane = `${record.topic} ${record.partition}`
      const offset = offsets.get(lane) ?? 0
      offsets.set(lane, offset + 1)
      const { topic, partition, key, timestamp } = record
      const errors = ERROR_HEADERS.map((name) => ({ key: name, value: Buffer.from(errorText(name, outputs)) }))
      const headers = record.raw === undefined ? record.headers : [...record.headers, ...errors]
      return { topic, partition, offset, timestamp: timestamp.ms, key, value: record.raw === undefined ? bytesOf(record) : record.raw.bytes, headers }
    }))
}

function errorText(name: string, { input }: ModelOutputs): string {
  if (name.endsWith('topic')) return 'trade.ingested'
  if (name.endsWith('partition')) return String(input?.partition)
  return name.endsWith('offset') ? String(input?.offset) : 'text'
}

function bytesOf({ value }: ExpectedRecord): Buffer | null {
  return value === null ? null : Buffer.from(writeJson(exampleOf(value)))
}
