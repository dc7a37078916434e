import type { ClusterNodes } from './cluster-nodes.ts'
import type { Controller } from './controller.ts'
import type { FetchSurroundings } from './fetch-requests.ts'
import type { GroupCoordinator } from './group-coordinator.ts'
import type { ProduceSurroundings } from './produce-requests.ts'
import type { Topics } from './topics.ts'
import type { TransactionCoordinator } from './transaction-coordinator.ts'

/** What a client's requests are handed to. */
export interface ClusterParts {
  readonly nodes: ClusterNodes
  readonly topics: Topics
  readonly controller: Controller
  readonly groups: GroupCoordinator
  readonly transactions: TransactionCoordinator
  readonly data: ProduceSurroundings & FetchSurroundings
  /** Finalised features: name to level. */
  readonly features: ReadonlyMap<string, number>
  readonly transactionVersion: number
}
