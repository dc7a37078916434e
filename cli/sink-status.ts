import type { ConnectorSnapshot } from '../sinks/connector-snapshot.ts'

/** What a sink tells its parent process, twice a second. */
export interface SinkStatus extends Omit<ConnectorSnapshot, 'partitions'> {
  readonly role: 'sink'
  /** From the timestamp of a record to its row, over the last seconds. */
  readonly latencyP50Ms: number | undefined
  readonly latencyP99Ms: number | undefined
  /** Over the whole run. */
  readonly latencyAllP50Ms: number | undefined
  readonly latencyAllP99Ms: number | undefined
}
