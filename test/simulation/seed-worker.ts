import { runSimulation } from '../../engine/simulation/simulation.ts'
import { simulatedClient } from '../../testing/simulated-client.ts'
import { applicationNamed } from './applications/pick-application.ts'

// Thousands of connections break, and each error would look for its stack.
Error.stackTraceLimit = 0

/** A process that runs the seeds it is sent, one after the other, and sends back what came of each. */
process.on('message', ({ seed, least, application }: { seed: number; least?: { records: number; faults: number }; application?: string }) => {
  void runSimulation({ seed, least, application: applicationNamed(application), connect: simulatedClient }).then((outcome) => process.send?.(outcome))
})
