import type { ContractRun } from './contract-run.ts'

export interface ContractCase {
  readonly name: string
  readonly check: (run: ContractRun) => Promise<void>
}
