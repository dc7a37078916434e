import { expect, test } from 'vitest'
import { ByteView } from '../records/byte-view.ts'
import { ByteWriter } from '../records/byte-writer.ts'
import { membersWith, text } from './testing/trade-harness.ts'
import { TradeMessage } from './trade-message.ts'

const message = new TradeMessage()

/** What goes out for a message, as JSON text; the reason, if it is refused. The message stands amid other bytes. */
function outputOf(value: string | Buffer): string {
  const framed = Buffer.concat([Buffer.from('9"'), Buffer.from(value), Buffer.from(',"}')])
  if (!message.read(new ByteView(framed, 2, framed.length - 3))) return message.refusal().reason
  const target = new ByteWriter()
  message.writeOpen(target)
  return `${target.buffer.toString('utf8', 0, target.position)}}`
}

function outputWith(changes: { readonly [name: string]: string }): string {
  return outputOf(text(...membersWith(changes)))
}

function isGood(changes: { readonly [name: string]: string }): boolean {
  return outputWith(changes).startsWith('{')
}

const PLAIN = text(...membersWith())

test('a plain message goes out as it came in', () => {
  expect(outputOf(PLAIN)).toBe(PLAIN)
  expect([message.version, message.maturityDay, message.readableVersion]).toEqual([1, 20_958, 1])
})

test('what output adds itself is dropped from the input, whatever its type and place', () => {
  const dropped = ['"expired":{"a":[1]}', '"last_updated":7', '"expired_at":"x"', '"expired":null', '"\\u0065xpired":1']
  expect(outputOf(text(...dropped, ...membersWith()))).toBe(PLAIN)
  expect(outputOf(text(...membersWith(), ...dropped))).toBe(PLAIN)
  expect(outputOf(text(...membersWith().flatMap((member) => [member, ...dropped])))).toBe(PLAIN)
})

test('the counterparty goes out under one name', () => {
  expect(outputWith({ counterparty_id: '"counter_party_id":"CP-1"' })).toBe(PLAIN)
  expect(outputWith({ counterparty_id: '"counter_party_id" : "CP-1"' })).toBe(PLAIN.replace('"counterparty_id":', '"counterparty_id" : '))
  expect(outputOf(text(...membersWith(), '"counter_party_id":"\\u0043P-1"'))).toBe(PLAIN)
  expect(outputOf(text('"counter_party_id":"CP-1"', ...membersWith()))).toBe(text('"counterparty_id":"CP-1"', ...membersWith({ counterparty_id: '' })))
})

test('known names that are written with escapes go out without them', () => {
  expect(outputWith({ book_id: '"boo\\u006b_id":"B1"', version: '"\\u0076ersion":1', counterparty_id: '"counter\\u005fparty_id":"CP-1"' })).toBe(PLAIN)
})

test.each(['1.0', '1e0', '10e-1', '1000000e-6', '1.000E+0', '0.1e1'])('a version %s goes out as 1', (version) => {
  expect(outputWith({ version: `"version":${version}` })).toBe(PLAIN)
  expect(message.version).toBe(1)
})

test.each([
  ['2147483647', 2_147_483_647],
  ['999999999', 999_999_999],
  ['1000000000', 1_000_000_000],
  ['2.147483647e9', 2_147_483_647],
])('a version of %s', (version, value) => {
  expect(outputWith({ version: `"version":${version}` })).toBe(outputWith({ version: `"version":${value}` }))
  expect(message.version).toBe(value)
})

test('the version may stand last', () => {
  expect(outputOf(text(...membersWith({ version: '' }), '"version":12'))).toContain('"version":12}')
  expect(outputOf(text(...membersWith({ version: '' }), '"version":1e1'))).toContain('"version":10}')
})

test('unknown fields are passed on with all their digits', () => {
  const unknown = [
    '"price":123456789012345678901234567890.1234567890',
    '"big":1e400',
    '"neg":-0',
    '"deep":{"a":[1.0,{"b":"\\u00e9"}]}',
    '"":null',
    '"__proto__":{}',
  ]
  expect(outputOf(text(...unknown, ...membersWith()))).toBe(text(...unknown, ...membersWith()))
})

test('of an unknown field that is named more than once the last one counts', () => {
  expect(outputOf(text('"x":1', ...membersWith(), '"y":2', '"x":{"x":3}'))).toBe(text(...membersWith(), '"y":2', '"x":{"x":3}'))
  expect(outputOf(text('"x":1', '"\\u0078":2', ...membersWith(), '"x":3', '"expired":true'))).toBe(text(...membersWith(), '"x":3'))
  expect(outputOf(text(...membersWith(), '"x":{"a":1,"a":2}'))).toBe(text(...membersWith(), '"x":{"a":1,"a":2}'))
})

test('thirty thousand unknown fields take no quadratic time', () => {
  const unknown = Array.from({ length: 30_000 }, (_, n) => `"f${n % 29_999}":${n}`)
  expect(outputOf(text(...membersWith(), ...unknown))).toBe(text(...membersWith(), ...unknown.slice(1)))
})

test('spaces are no part of the content', () => {
  const spaced = ` \r\n{\t"trade_id" : "T1" ,${membersWith({ trade_id: '' }).join(' , ')} , "expired" : true } \n`
  expect(JSON.parse(outputOf(spaced))).toEqual(JSON.parse(PLAIN))
})

test('fields in any order, after one another', () => {
  const members = membersWith()
  for (let turn = 0; turn < members.length; turn++) {
    members.push(members.shift() ?? '')
    expect(outputOf(text(...members))).toBe(text(...members))
  }
})

test.each(['trade_id', 'counterparty_id', 'book_id'])('%s has 1 to 50 code points', (field) => {
  const long = (unit: string): string => unit.repeat(50)
  for (const good of ['x', ' ', long('x'), long('é'), long('😀'), long('\\ud83d\\ude00'), long('\\n'), long('\\u00e9')])
    expect(isGood({ [field]: `"${field}":"${good}"` })).toBe(true)
  for (const bad of ['', 'x'.repeat(51), 'é'.repeat(51), '😀'.repeat(51), '\\ud83d\\ude00'.repeat(51)])
    expect(isGood({ [field]: `"${field}":"${bad}"` })).toBe(false)
  for (const bad of ['1', 'null', 'true', '["x"]', '{}'])
    expect(outputWith({ [field]: `"${field}":${bad}` })).toBe(`${field}: found ${bad}, expected a string of 1 to 50 code points`)
  expect(outputWith({ [field]: '' })).toBe(`${field}: not there, expected a string of 1 to 50 code points`)
  expect(outputWith({ [field]: `"${field}":""` })).toBe(`${field}: found an empty text, expected a string of 1 to 50 code points`)
})

test.each(['"1"', '0', '-1', '1.5', '2147483648', '1e400', 'null', 'true', '[1]', '-0', '1e-1', '0.99999999999999999999'])(
  'a version of %s is refused',
  (version) => {
    expect(outputWith({ version: `"version":${version}` })).toBe(`version: found ${version}, expected an integer from 1 to 2147483647`)
    expect(message.readableVersion).toBe(undefined)
  },
)

test.each(['maturity_date', 'created_date'])('%s is a calendar day', (field) => {
  for (const good of ['"0001-01-01"', '"9999-12-31"', '"2028-02-29"', '"2027\\u002d05-20"']) expect(isGood({ [field]: `"${field}":${good}` })).toBe(true)
  for (const bad of ['2027-02-29', '2027-05-20T00:00:00Z', '27-05-20', '', '0000-01-01', '2027\\u002f05-20', '2027-5-20', ' 2027-05-20'])
    expect(isGood({ [field]: `"${field}":"${bad}"` })).toBe(false)
  for (const bad of ['20270520', 'null', '{}', '["2027-05-20"]'])
    expect(outputWith({ [field]: `"${field}":${bad}` })).toBe(`${field}: found ${bad}, expected a calendar day as "YYYY-MM-DD"`)
  expect(outputWith({ [field]: `"${field}":"2027-02-29"` })).toBe(`${field}: found 2027-02-29, expected a calendar day as "YYYY-MM-DD"`)
})

test.each(['trade_id', 'version', 'counterparty_id', 'book_id', 'maturity_date', 'created_date'])(
  '%s named twice is refused, even with the same value',
  (field) => {
    const members = membersWith()
    const again = members.find((member) => member.startsWith(`"${field}"`)) ?? ''
    expect(outputOf(text(...members, again))).toBe(`${field}: found twice, expected once`)
    expect(outputOf(text(...members, again.replace('_', '\\u005f').replace('"v', '"\\u0076')))).toBe(`${field}: found twice, expected once`)
  },
)

test('the counterparty under both names must be the same', () => {
  expect(outputOf(text(...membersWith(), '"counter_party_id":"CP-2"'))).toBe(
    'counter_party_id: found CP-2, expected the same value under both names of the counterparty',
  )
  expect(outputOf(text('"counter_party_id":"CP-2"', ...membersWith()))).toBe(
    'counterparty_id: found CP-1, expected the same value under both names of the counterparty',
  )
  expect(outputOf(text(...membersWith(), '"counter_party_id":null'))).toContain('counter_party_id: found null')
  expect(outputOf(text('"counter_party_id":1', ...membersWith()))).toContain('counter_party_id: found 1')
  expect(outputOf(text(...membersWith(), '"counter_party_id":"CP-1"', '"counter_party_id":"CP-1"'))).toBe('counter_party_id: found twice, expected once')
})

test.each([
  ['', 'value: found 0 bytes, expected a JSON object; a delete is a null value'],
  ['null', 'value: found null, expected a JSON object'],
  ['[]', 'value: found [], expected a JSON object'],
  ['"x"', 'value: found "x", expected a JSON object'],
  ['1', 'value: found 1, expected a JSON object'],
  ['nul', 'value: not JSON, found nul at byte 0, expected a value'],
  [' ', 'value: not JSON, found the end at byte 1, expected a value'],
  ['{', 'value: not JSON, found the end at byte 1, expected a name in quotes'],
  ['{}', 'trade_id: not there, expected a string of 1 to 50 code points'],
  [`${PLAIN}{}`, `value: not JSON, found {} at byte ${PLAIN.length}, expected the end of the text`],
  [PLAIN.slice(0, -1), `value: not JSON, found the end at byte ${PLAIN.length - 1}, expected a comma or }`],
  [`\ufeff${PLAIN}`, 'value: found a byte order mark, expected UTF-8 without one'],
])('%j is refused', (value, reason) => {
  expect(outputOf(value)).toBe(reason)
})

test('text that is not UTF-8 is refused', () => {
  expect(outputOf(Buffer.from(PLAIN.replace('B1', 'B\u00ff'), 'latin1'))).toContain('expected valid UTF-8')
  expect(outputOf(Buffer.concat([Buffer.from(`${PLAIN.slice(0, -1)},"x":"`), Buffer.from([0xed, 0xa0, 0x80]), Buffer.from('"}')]))).toContain(
    'expected valid UTF-8',
  )
})

test.each([
  ['\\u0000', 'U+0000'],
  ['\\ud800', 'unpaired surrogate'],
  ['\\udc00\\ud800', 'unpaired surrogate'],
])('no string at any depth holds %s', (escape, fault) => {
  for (const member of [`"x":"${escape}"`, `"x":[{"y":["${escape}"]}]`, `"x${escape}":1`, `"x":{"${escape}":1}`, `"expired":"${escape}"`]) {
    expect(outputOf(text(...membersWith(), member))).toBe(`value: found ${escape.slice(0, 6)}, expected no ${fault} in a string`)
    expect(message.readableVersion).toBe(1)
  }
  expect(isGood({ book_id: `"book_id":"${escape}"` })).toBe(false)
})

test('64 levels of nesting, the message among them', () => {
  const nested = (levels: number): string => text(...membersWith(), `"x":${'['.repeat(levels)}${']'.repeat(levels)}`)
  expect(outputOf(nested(63))).toBe(nested(63))
  expect(outputOf(nested(64))).toBe('value: found []]]]], expected at most 64 levels of nesting')
  expect(outputOf(text(...membersWith(), `"expired":${'[{"a":'.repeat(32)}1${'}]'.repeat(32)}`))).toContain('at most 64 levels')
  expect(outputOf(nested(300_000))).toContain('at most 64 levels')
})

test('of a refused message the version is told if it is readable', () => {
  const readable = (value: string): number | undefined => {
    outputOf(value)
    return message.readableVersion
  }
  expect(readable(text('"book_id":1', ...membersWith({ book_id: '' })))).toBe(1)
  expect(readable(text('"version":7.0'))).toBe(7)
  expect(readable(`\ufeff${PLAIN}`)).toBe(1)
  expect(readable(text('"version":7', '"version":8'))).toBe(undefined)
  expect(readable(text(...membersWith()).slice(0, -1))).toBe(undefined)
  expect(readable('[]')).toBe(undefined)
})

test('what is found in a refused message is cut, and fit to be stored', () => {
  outputWith({ book_id: `"book_id":"${'\\u0000😀'.repeat(300)}"` })
  const { found = '', reason } = message.refusal()
  expect([...found]).toHaveLength(200)
  expect(found.startsWith('\\u0000😀\\u0000😀')).toBe(true)
  expect([...reason]).toHaveLength(200)
  outputWith({ book_id: '"book_id":["\\ud800\\n"]' })
  expect(message.refusal().found).toBe('["\\ud800\\n"]')
})

test('whether it is about a key', () => {
  const about = (tradeId: string, key: string | Buffer): boolean => {
    outputWith({ trade_id: `"trade_id":"${tradeId}"` })
    return message.isAbout(new ByteView(Buffer.from(key)))
  }
  expect([about('T1', 'T1'), about('\\u0054é😀', 'Té😀'), about('a\\"b', 'a"b')]).toEqual([true, true, true])
  expect([
    about('T1', 'T2'),
    about('T1', 'T'),
    about('T1', 'T11'),
    about('\\u0054', 'T1'),
    about('T1', ' T1'),
    about('\\ufffd', Buffer.from([0xff])),
    about('é', 'e\u0301'),
  ]).toEqual([false, false, false, false, false, false, false])
})
