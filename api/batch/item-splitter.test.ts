import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ArraySplitter, type ItemSplitter, LineSplitter, LONGEST_ITEM_BYTES } from './item-splitter.ts'

/** The items of a text that comes in pieces, and why it went no further. */
function split(splitter: ItemSplitter, text: string, pieces: number[] = []): { items: string[]; broken: string | undefined } {
  const bytes = Buffer.from(text)
  const items: string[] = []
  const item = (found: Buffer) => void items.push(found.toString().trim())
  try {
    let start = 0
    for (const length of pieces) {
      splitter.push(bytes.subarray(start, start + length), item)
      start += length
    }
    splitter.push(bytes.subarray(start), item)
    splitter.end(item)
    return { items, broken: undefined }
  } catch (error) {
    return { items, broken: error instanceof Error ? error.message : '' }
  }
}

test('an array is cut at its elements, however it comes in pieces', () => {
  fc.assert(
    fc.property(fc.array(fc.jsonValue(), { maxLength: 8 }), fc.array(fc.nat(6)), fc.boolean(), (values, pieces, pretty) => {
      const { items, broken } = split(new ArraySplitter(), JSON.stringify(values, undefined, pretty ? 2 : 0), pieces)
      expect(broken).toBeUndefined()
      expect(items.map((item) => JSON.parse(item))).toEqual(JSON.parse(JSON.stringify(values)))
    }),
    { numRuns: 200 },
  )
})

test('lines are cut at their ends, however they come in pieces', () => {
  fc.assert(
    fc.property(fc.array(fc.jsonValue(), { maxLength: 8 }), fc.array(fc.nat(6)), fc.boolean(), (values, pieces, last) => {
      const text = values.map((value) => JSON.stringify(value)).join('\r\n') + (last ? '\n\n' : '')
      expect(split(new LineSplitter(), text, pieces).items.map((item) => JSON.parse(item))).toEqual(JSON.parse(JSON.stringify(values)))
    }),
    { numRuns: 200 },
  )
})

test.each([
  ['', [], 'empty'],
  ['{}', [], 'expected a JSON array'],
  ['[{"a":1}', ['{"a":1}'], undefined],
  ['[1,]', ['1'], 'missing'],
  ['[,1]', [], 'missing'],
  ['[1] 2', ['1'], 'behind'],
  ['[1', [], 'does not end'],
  ['["]', [], 'does not end'],
  ['[{]', [], 'does not end'],
])('the array %j is broken', (text, items, reason) => {
  const found = split(new ArraySplitter(), text)
  expect(found.broken).toContain(reason ?? 'does not end')
  expect(found.items.length).toBeLessThanOrEqual(items.length)
})

test('an item without end is not gathered without end', () => {
  for (const splitter of [new LineSplitter(), new ArraySplitter()]) {
    expect(split(splitter, `["${'x'.repeat(LONGEST_ITEM_BYTES)}`).broken).toContain('longer than')
  }
})
