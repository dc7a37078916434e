import type { Reporter, TestCase } from 'vitest/node'

/** Says what failed when it fails: the report at the end does not come where the run is ended before. */
// biome-ignore lint/style/noDefaultExport: Vitest takes what a reporter's file exports by this name
export default class FailuresAtOnce implements Reporter {
  onTestCaseResult(test: TestCase): void {
    const { state, errors } = test.result()
    if (state === 'failed') console.log(`failed just now: ${test.module.relativeModuleId} > ${test.fullName}\n${errors.map(({ message }) => message).join('\n')}`)
  }
}
