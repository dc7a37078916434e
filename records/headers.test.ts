import fc from 'fast-check'
import { expect, test } from 'vitest'
import { BytesError } from './byte-reader.ts'
import { ByteView } from './byte-view.ts'
import { findLastHeader, type Header, HeaderBlockBuilder, readHeaders } from './headers.ts'

function blockOf(headers: readonly { key: string; value: string | Uint8Array | undefined }[]): ByteView {
  const builder = new HeaderBlockBuilder()
  for (const { key, value } of headers) builder.add(key, value)
  return new ByteView(builder.into(new ByteView()).copy())
}

test('headers are read as they were written, and the last of a name is found', () => {
  const name = fc.constantFrom('a', 'ab', 'trace-id', 'größe', '')
  const value = fc.option(fc.uint8Array({ maxLength: 300 }), { nil: undefined })
  fc.assert(
    fc.property(fc.array(fc.record({ key: name, value })), name, (headers, wanted) => {
      const block = blockOf(headers)
      expect(readHeaders(block)).toEqual(headers.map(({ key, value: bytes }): Header => ({ key, value: bytes && Buffer.from(bytes) })))
      const last = headers.findLast((header) => header.key === wanted)
      const into = new ByteView()
      const found = findLastHeader(block, Buffer.from(wanted), into)
      expect(found).toBe(last === undefined ? 'absent' : last.value === undefined ? 'null' : 'found')
      if (last?.value !== undefined) expect(into.copy()).toEqual(Buffer.from(last.value))
    }),
  )
})

test('the headers of another block come first, then those that are added', () => {
  const builder = new HeaderBlockBuilder()
  builder.add('forgotten', 'x')
  builder.reset()
  builder.copyFrom(
    blockOf([
      { key: 'a', value: '1' },
      { key: 'b', value: undefined },
    ]),
  )
  builder.copyFrom(undefined)
  builder.add('c', 'größe')
  expect(builder.count).toBe(3)
  expect(readHeaders(builder.into(new ByteView()))).toEqual([
    { key: 'a', value: Buffer.from('1') },
    { key: 'b', value: undefined },
    { key: 'c', value: Buffer.from('größe') },
  ])
})

test.each([
  ['a count without headers', [2]],
  ['a negative count', [1]],
  ['a name that is longer than the block', [2, 100, 0x61]],
  ['a null name', [2, 1, 0]],
  ['a value that is longer than the block', [2, 2, 0x61, 100]],
  ['nothing', []],
])('%s is refused', (_, bytes) => {
  const block = new ByteView(Buffer.from(bytes))
  expect(() => readHeaders(block)).toThrow(BytesError)
  expect(() => findLastHeader(block, Buffer.from('a'), new ByteView())).toThrow(BytesError)
})
