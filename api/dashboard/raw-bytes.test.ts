import { expect, test } from 'vitest'
import { fromBase64, fromHex, hexRows, toBase64, toHex } from './raw-bytes.js'

const every = Uint8Array.from({ length: 256 }, (_, n) => n)

test('base64 and hex lead there and back, for every byte', () => {
  expect(fromBase64(toBase64(every))).toEqual(every)
  expect(fromHex(toHex(every))).toEqual(every)
  expect(toBase64(every)).toBe(Buffer.from(every).toString('base64'))
  expect([toHex(new Uint8Array()), fromHex(' \n')]).toEqual(['', new Uint8Array()])
})

test('the rows of a hex view', () => {
  expect(hexRows(Uint8Array.from([...Buffer.from('{"trade_id":"T1"}'), 0xff]))).toEqual([
    { offset: '000000', hex: '7b 22 74 72 61 64 65 5f  69 64 22 3a 22 54 31 22', text: '{"trade_id":"T1"' },
    { offset: '000010', hex: '7d ff', text: '}·' },
  ])
})

test('hex that is none is told', () => {
  expect([fromHex('7b 2'), fromHex('7b 0x22')]).toEqual([{ fault: 'found 3 digits; expected two for each byte' }, { fault: 'found “x”; expected the digits 0–9 and a–f only' }])
})
