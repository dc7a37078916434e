import { expect, test } from 'vitest'
import { budgetOf, budgetTable } from './budget.ts'
import { callTree, type CpuProfile } from './cpu-profile.ts'
import { flameGraph } from './flame-graph.ts'

const ROOT = 'file:///project/'

/** Each stack from the root, innermost last, `function file`; 10 us in each. */
function profileOf(stacks: readonly (readonly string[])[]): CpuProfile {
  const nodes: { id: number; callFrame: { functionName: string; url: string; lineNumber: number }; children: number[] }[] = []
  const node = (functionName: string, url: string) => {
    const made = { id: nodes.length + 1, callFrame: { functionName, url, lineNumber: 1 }, children: [] }
    nodes.push(made)
    return made
  }
  const root = node('(root)', '')
  const samples = stacks.map((stack) => {
    let at: (typeof nodes)[number] = root
    for (const frame of stack) {
      const [name = '', file] = frame.split(' ')
      const next = node(name, file === undefined ? '' : ROOT + file)
      at.children.push(next.id)
      at = next
    }
    return at.id
  })
  return { nodes, samples, timeDeltas: samples.map(() => 10) }
}

const THREAD = 'run engine/stream-thread.ts'

test('the innermost function that is known says what time went into', () => {
  const tree = callTree(
    profileOf([
      ['(idle)'],
      [THREAD],
      [THREAD, 'process processors/trade-processor.ts'],
      [THREAD, 'process processors/trade-processor.ts', 'read processors/trade-message.ts', 'string serdes/json-scanner.ts'],
      [THREAD, 'process processors/trade-processor.ts', 'find processors/trade-table.ts', 'get stores/log-store/log-index.ts', 'readSync'],
      [THREAD, 'apply engine/thread-commits.ts', 'move stores/log-store/log-index.ts'],
      [THREAD, 'send kafka/transactional-producer.ts', 'stamp records/record-batch.ts', 'crc32c records/crc32c.ts'],
      ['received kafka/link.ts'],
      ['processTimers'],
    ]),
    ROOT,
  )
  const budget = Object.fromEntries([...budgetOf(tree)].filter(([, us]) => us > 0))
  expect(budget).toEqual({ idle: 10, thread: 10, rules: 10, parse: 10, 'look-up': 10, store: 10, CRC: 10, fetch: 10, runtime: 10 })
})

test('the table is in the time of a record where records are known, and leaves out idle time', () => {
  const tree = callTree(profileOf([['(idle)'], [THREAD], [THREAD, 'process processors/trade-processor.ts'], [THREAD, 'process processors/trade-processor.ts']]), ROOT)
  expect(budgetTable(budgetOf(tree), 10)).toBe('| part | ns a record | share |\n|---|---:|---:|\n| rules | 2000 | 66.7 % |\n| thread | 1000 | 33.3 % |\n| sum | 3000 | 100.0 % |\n')
  expect(budgetTable(budgetOf(tree), undefined)).toContain('| idle | 0 | 25.0 % |')
})

test('a flame graph joins calls of one function and escapes what they are called', () => {
  const tree = callTree(profileOf([['(idle)'], [THREAD, '<b> engine/a.ts'], [THREAD, '<b> engine/a.ts'], [THREAD]]), ROOT)
  const picture = flameGraph('test', tree)
  expect(picture.match(/<title>[^<]*<\/title>/g)).toEqual(['<title>(root)  100.0 %</title>', '<title>run engine/stream-thread.ts 100.0 %</title>', '<title>&lt;b&gt; engine/a.ts 66.7 %</title>'])
})
