import { brokerContract } from '../contract/broker/broker-contract.ts'
import { ModelRun } from './model-run.ts'
import { DirectNetwork } from '../../engine/simulation/cluster/direct-network.ts'

for (const nodes of [1, 3]) {
  brokerContract(`the model, ${nodes} nodes`, async () => {
    const run = new ModelRun({ nodes, seed: nodes })
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
  })
}
