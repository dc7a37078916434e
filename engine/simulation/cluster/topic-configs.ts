/** Settings of a topic as Kafka 4.3 has them by default; those that the model acts on first. */
const DEFAULTS: Readonly<Record<string, string>> = {
  'cleanup.policy': 'delete',
  'delete.retention.ms': '86400000',
  'max.message.bytes': '1048588',
  'message.timestamp.after.max.ms': '3600000',
  'message.timestamp.before.max.ms': '9223372036854775807',
  'message.timestamp.type': 'CreateTime',
  'min.compaction.lag.ms': '0',
  'min.insync.replicas': '1',
  'retention.bytes': '-1',
  'retention.ms': '604800000',
  'segment.bytes': '1073741824',
  'segment.ms': '604800000',
  'compression.gzip.level': '-1',
  'compression.lz4.level': '9',
  'compression.type': 'producer',
  'compression.zstd.level': '3',
  'file.delete.delay.ms': '60000',
  'flush.messages': '9223372036854775807',
  'flush.ms': '9223372036854775807',
  'follower.replication.throttled.replicas': '',
  'index.interval.bytes': '4096',
  'leader.replication.throttled.replicas': '',
  'local.retention.bytes': '-2',
  'local.retention.ms': '-2',
  'max.compaction.lag.ms': '9223372036854775807',
  'min.cleanable.dirty.ratio': '0.5',
  preallocate: 'false',
  'remote.log.copy.disable': 'false',
  'remote.log.delete.on.disable': 'false',
  'remote.storage.enable': 'false',
  'segment.index.bytes': '10485760',
  'segment.jitter.ms': '0',
  'unclean.leader.election.enable': 'false',
}

/** The smallest that Kafka 4 takes (KIP-1030), and other bounds below which a topic is refused. */
const AT_LEAST: Readonly<Record<string, number>> = {
  'segment.bytes': 1_048_576,
  'delete.retention.ms': 0,
  'max.message.bytes': 0,
  'min.insync.replicas': 1,
  'retention.ms': -1,
  'segment.ms': 1,
  'min.compaction.lag.ms': 0,
  'message.timestamp.after.max.ms': 0,
  'message.timestamp.before.max.ms': 0,
}

const ONE_OF: Readonly<Record<string, readonly string[]>> = {
  'message.timestamp.type': ['CreateTime', 'LogAppendTime'],
  'compression.type': ['uncompressed', 'zstd', 'lz4', 'snappy', 'gzip', 'producer'],
}

/** The settings of one topic. */
export class TopicConfigs {
  readonly #values: Map<string, string>

  constructor(own: ReadonlyMap<string, string>, clusterDefaults: Readonly<Record<string, string>>) {
    this.#values = new Map(Object.entries({ ...DEFAULTS, ...clusterDefaults, ...Object.fromEntries(own) }))
  }

  /** What Kafka would say against these settings. */
  static fault(own: ReadonlyMap<string, string>): string | undefined {
    for (const [name, value] of own) {
      const fault = faultOf(name, value)
      if (fault !== undefined) return fault
    }
    return undefined
  }

  get all(): Map<string, string> {
    return new Map(this.#values)
  }

  set(name: string, value: string): void {
    this.#values.set(name, value)
  }

  number(name: string): number {
    return Number(this.#values.get(name))
  }

  get isCompacted(): boolean {
    return this.#policies.includes('compact')
  }

  get isDeleted(): boolean {
    return this.#policies.includes('delete')
  }

  get hasLogAppendTime(): boolean {
    return this.#values.get('message.timestamp.type') === 'LogAppendTime'
  }

  get #policies(): string[] {
    return (this.#values.get('cleanup.policy') ?? '').split(',')
  }
}

function faultOf(name: string, value: string): string | undefined {
  if (DEFAULTS[name] === undefined) return `Unknown topic config name: ${name}`
  const least = AT_LEAST[name]
  if (least !== undefined && !/^-?\d+$/.test(value)) return `Invalid value ${value} for configuration ${name}: Not a number of type LONG`
  if (least !== undefined && Number(value) < least) return `Invalid value ${value} for configuration ${name}: Value must be at least ${least}`
  const known = name === 'cleanup.policy' ? value.split(',').every((policy) => policy === 'compact' || policy === 'delete') : (ONE_OF[name]?.includes(value) ?? true)
  return known ? undefined : `Invalid value ${value} for configuration ${name}: String must be one of: ${(ONE_OF[name] ?? ['compact', 'delete']).join(', ')}`
}
