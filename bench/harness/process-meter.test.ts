import { expect, test } from 'vitest'
import { machineTime } from './machine.ts'
import { cpuSecondsOf, memoryOf } from './process-meter.ts'

test('processor time of this process is what Node says of it', () => {
  const { user, system } = process.cpuUsage()
  expect(cpuSecondsOf(process.pid)).toBeCloseTo((user + system) / 1e6, 0)
})

test('memory of this process: the peak is at least what it has now', () => {
  const { peakBytes, residentBytes } = memoryOf(process.pid)
  expect(residentBytes).toBeGreaterThan(10e6)
  expect(peakBytes).toBeGreaterThanOrEqual(residentBytes)
})

test('the machine has been busy at least as long as this process', () => {
  expect(machineTime().busySeconds).toBeGreaterThanOrEqual(cpuSecondsOf(process.pid) - 1)
})
