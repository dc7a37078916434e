import { DirectNetwork } from '../../engine/simulation/cluster/direct-network.ts'
import type { SimulatedClusterOptions } from '../../engine/simulation/cluster/simulated-cluster.ts'
import { brokerContract } from '../contract/broker/broker-contract.ts'
import type { ContractTarget } from '../contract/broker/contract-run.ts'
import { ModelRun } from './model-run.ts'

brokerContract('the model, one node', () => target({ nodes: 1 }))
brokerContract('the model, three nodes', () => target({ nodes: 3 }))
brokerContract('the model with transactions V1', () => target({ transactionVersion: 1 }), { only: ['v1', 'idempotence'] })

async function target(options: Partial<SimulatedClusterOptions>): Promise<ContractTarget> {
  const run = new ModelRun(options)
  const connect = (clientId: string) => run.cluster.broker(clientId, new DirectNetwork())
  return {
    broker: connect('contract'),
    connect,
    run: 'run',
    now: () => run.clock.now(),
    pass: (ms) => run.clock.advance(ms),
    settled: (promise) => run.until(promise),
    compact: (topic, partition) => run.cluster.compact(topic, partition),
    close: async () => {},
  }
}
