import type { Clock } from '../ports/clock.ts'
import type { Failpoint } from '../ports/failpoint.ts'
import type { KafkaClient } from '../ports/kafka-client.ts'
import type { ApplicationTopology } from './application-topology.ts'
import type { CommitPaceOptions } from './commit-pace.ts'
import type { RestoreProgress } from './restore.ts'
import type { StoreSupplier } from './store-supplier.ts'

export interface StreamThreadOptions {
  /** `<application>-<process>-<thread>`, the same after a restart: instance id of the member and stem of the transactional ids. */
  readonly name: string
  readonly topology: ApplicationTopology
  readonly client: KafkaClient
  readonly clock: Clock
  readonly stores: StoreSupplier
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  readonly transactionTimeoutMs: number
  /** Transactional producers that take turns. */
  readonly producers: 1 | 2
  /** Where an input partition without a committed offset is taken up. */
  readonly startAt: 'earliest' | 'latest'
  readonly pace: CommitPaceOptions
  /** Fetched bytes of a partition that may wait to be processed. */
  readonly maxBufferedBytes: number
  /** What a transaction may grow to while the one before it is held up. Default 16,000,000. */
  readonly maxTransactionBytes?: number
  readonly failpoint?: Failpoint
  /** `host:port` where `query` is served from outside, told to the group, which tells it to who asks. */
  readonly queryAddress?: string | undefined
  /** Called for what people should know: a rebalance, a recovery, a restore. Normal operation says nothing. */
  readonly report?: (event: ThreadEvent) => void
  readonly onRestore?: (progress: RestoreProgress) => void
  /** Called once, when the first transaction with input has been committed. */
  readonly onFirstCommit?: () => void
}

export interface ThreadEvent {
  readonly kind: 'assigned' | 'lost' | 'recovering' | 'recovered' | 'restored' | 'store-failed' | 'store-rebuilt' | 'store-damaged' | 'waiting' | 'dead-letter'
  readonly message: string
}
