import { until } from '../../support/until.ts'
import { GATEWAY } from './gateway-faults.ts'
import { signalService } from './pause-service.ts'
import { PROCESSORS } from './processor-faults.ts'
import { SINKS } from './sink-faults.ts'
import type { ChaosWorld } from './world.ts'

/** Whatever state a run has left: network, servers and roles are as they were at the beginning. */
export async function healWorld(world: ChaosWorld): Promise<void> {
  const { services, allProxies, smallDisk, excuses, fleet } = world
  for (const proxy of allProxies) proxy.heal()
  for (const service of services) signalService(service, 'SIGCONT')
  await Promise.all(services.map((service) => service.start()))
  smallDisk?.free()
  excuses.smallDisk = undefined
  excuses.start = undefined
  for (const name of [...PROCESSORS, ...SINKS, GATEWAY]) {
    fleet.resume(name)
    fleet.start(name)
  }
  await Promise.all(fleet.running('processor').flatMap((name) => (PROCESSORS.some((kept) => kept === name) ? [] : fleet.stop(name))))
  await until('every replica is in sync', () => world.allInSync())
}
