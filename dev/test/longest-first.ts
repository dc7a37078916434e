import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** Part of their paths, the longest first. */
const LONG = ['integration/trade-model', 'integration/zombie', 'integration/embedded-stack', 'integration/expiry', 'integration/sink-connector', 'integration/start-faults']

/**
 * Test files that take long begin first, so that the others fill the time beside them. Vitest knows what took long only where it ran before, and elsewhere begins with the
 * largest file: the longest test would come last, and all would wait for it.
 */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    const rank = ({ moduleId }: TestSpecification) => {
      const at = LONG.findIndex((part) => moduleId.includes(part))
      return at < 0 ? LONG.length : at
    }
    return sorted.sort((a, b) => rank(a) - rank(b))
  }
}
