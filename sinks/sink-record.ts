import type { ByteView } from '../records/byte-view.ts'

/** A topic partition that records come from. One object a partition: records point at it. */
export interface SinkSource {
  readonly clusterId: string
  readonly topic: string
  readonly partition: number
  /** UUID in text form, new when the topic is made anew. */
  readonly topicId: string
}

/** What a cursor over fetched batches shows of the record that it stands on. */
export interface RecordAtCursor {
  readonly offset: number
  readonly timestamp: number
  readonly key: ByteView
  readonly hasKey: boolean
  readonly value: ByteView
  readonly hasValue: boolean
  readonly headers: ByteView
  readonly headerCount: number
}

/**
 * A record on its way into a database: positions in the buffer that it was fetched in, which stays as it is while the record is held.
 * Absent keys and values have start -1. This is the one object that a sink makes per record.
 */
export class SinkRecord {
  readonly source: SinkSource
  readonly offset: number
  readonly timestampMs: number
  readonly keyBuffer: Buffer
  readonly keyStart: number
  readonly keyEnd: number
  readonly valueBuffer: Buffer
  readonly valueStart: number
  readonly valueEnd: number
  readonly headerBuffer: Buffer
  readonly headerStart: number
  readonly headerEnd: number

  constructor(source: SinkSource, at: RecordAtCursor) {
    this.source = source
    this.offset = at.offset
    this.timestampMs = at.timestamp
    this.keyBuffer = at.key.buffer
    this.keyStart = at.hasKey ? at.key.start : -1
    this.keyEnd = at.key.end
    this.valueBuffer = at.value.buffer
    this.valueStart = at.hasValue ? at.value.start : -1
    this.valueEnd = at.value.end
    this.headerBuffer = at.headers.buffer
    this.headerStart = at.headerCount > 0 ? at.headers.start : -1
    this.headerEnd = at.headers.end
  }

  get hasKey(): boolean {
    return this.keyStart >= 0
  }

  get hasValue(): boolean {
    return this.valueStart >= 0
  }

  get sizeBytes(): number {
    return (this.hasKey ? this.keyEnd - this.keyStart : 0) + (this.hasValue ? this.valueEnd - this.valueStart : 0)
  }

  keyText(): string {
    return this.keyBuffer.toString('utf8', this.keyStart, this.keyEnd)
  }

  /** One character a byte: cheaper than UTF-8, in byte order, and different for different bytes whatever they are. */
  keyBytesAsText(): string {
    return this.keyBuffer.toString('latin1', this.keyStart, this.keyEnd)
  }

  valueText(): string {
    return this.valueBuffer.toString('utf8', this.valueStart, this.valueEnd)
  }

  /** `topic-partition@offset`, for messages. */
  get position(): string {
    return `${this.source.topic}-${this.source.partition}@${this.offset}`
  }
}
