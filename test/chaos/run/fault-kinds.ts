import { brokerFaults } from './broker-faults.ts'
import { databaseFaults } from './database-faults.ts'
import type { FaultKind } from './fault.ts'
import { gatewayFaults } from './gateway-faults.ts'
import { networkFaults } from './network-faults.ts'
import { processorFaults } from './processor-faults.ts'
import { sinkFaults } from './sink-faults.ts'

export const FAULT_KINDS: readonly FaultKind[] = [...processorFaults, ...sinkFaults, ...brokerFaults, ...databaseFaults, ...networkFaults, ...gatewayFaults]
