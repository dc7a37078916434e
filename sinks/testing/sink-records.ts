import { ByteView } from '../../records/byte-view.ts'
import { SinkRecord, type SinkSource } from '../sink-record.ts'

const NOTHING = new ByteView()

export function sourceOf(partition: number, options: { topic?: string; topicId?: string; clusterId?: string } = {}): SinkSource {
  return { clusterId: options.clusterId ?? 'cluster-1', topic: options.topic ?? 'trade.processed', topicId: options.topicId ?? 'topic-1', partition }
}

/** A record as a fetch would bring it. `value` undefined: a delete. */
export function recordOf(source: SinkSource, offset: number, key: string | undefined, value: string | undefined, timestampMs = 1_790_000_000_000): SinkRecord {
  return new SinkRecord(source, {
    offset,
    timestamp: timestampMs,
    key: key === undefined ? NOTHING : ByteView.of(key),
    hasKey: key !== undefined,
    value: value === undefined ? NOTHING : ByteView.of(value),
    hasValue: value !== undefined,
    headers: NOTHING,
    headerCount: 0,
  })
}

/** The value of a trade as `trade.processed` holds it; `more` goes into the text as it is. */
export function tradeValue(tradeId: string, version: number, more: Record<string, unknown> = {}): string {
  return JSON.stringify({
    trade_id: tradeId,
    version,
    counterparty_id: 'CP-1',
    book_id: 'B1',
    maturity_date: '2027-05-20',
    created_date: '2026-12-11',
    expired: false,
    last_updated: '2026-12-11T10:00:00.000Z',
    ...more,
  })
}

export function tradeOf(source: SinkSource, offset: number, tradeId: string, version: number, more?: Record<string, unknown>): SinkRecord {
  return recordOf(source, offset, tradeId, tradeValue(tradeId, version, more))
}
