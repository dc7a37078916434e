import { between, seconds } from './draw.ts'
import type { FaultKind } from './fault.ts'

export const GATEWAY = 'gateway'

export const gatewayFaults: readonly FaultKind[] = [
  {
    name: 'gateway killed',
    area: 'gateway',
    make: ({ fleet }) => ({ what: 'the gateway is killed and started again', holdMs: 0, inject: () => fleet.kill(GATEWAY), heal: async () => fleet.start(GATEWAY) }),
  },
  {
    name: 'gateway paused',
    area: 'gateway',
    make({ fleet }, chance) {
      const holdMs = between(chance, 500, 7_000)
      return { what: `the gateway is paused for ${seconds(holdMs)}`, holdMs, inject: () => fleet.pause(GATEWAY), heal: async () => fleet.resume(GATEWAY) }
    },
  },
]
