import { type Member, Members, membersOf, NumberText, pick, plainText, type Tree, type TradeContent } from './trade-text.ts'
import type { Mulberry32 } from './workload.ts'

/** A record that nobody can accept, made from a trade that would have been accepted. */
export interface InvalidRecord {
  readonly key: Buffer | null
  readonly value: Buffer | null
  /** See `WorkloadRecord.partitionShift`. */
  readonly partitionShift?: number
}

export interface Draft {
  readonly tradeId: string
  readonly content: TradeContent
  readonly chance: Mulberry32
}

type Maker = (draft: Draft) => InvalidRecord

/** Every sort of INVALID that does not hang on size or on an earlier request, by name. */
export const INVALID_SORTS: { readonly [sort: string]: Maker } = {
  // the text
  'empty value': ({ tradeId }) => ({ key: Buffer.from(tradeId), value: Buffer.alloc(0) }),
  'cut': (draft) => bytes(draft, (whole) => whole.subarray(0, 1 + Math.floor(draft.chance.next() * (whole.length - 1)))),
  'text after the end': (draft) => text(draft, (whole) => whole + pick(['}', ' x', '{}', ',', '\u0000'], draft.chance)),
  'not an object': (draft) => text(draft, (whole) => pick(['[]', '"T1"', '1', 'true', `[${whole}]`], draft.chance)),
  'JSON null': (draft) => text(draft, () => 'null'),
  'only spaces': (draft) => text(draft, () => ' \n'),
  'byte order mark': (draft) => text(draft, (whole) => `\ufeff${whole}`),
  'UTF-16': (draft) => bytes(draft, (whole) => Buffer.from(whole.toString(), 'utf16le')),
  'Latin-1': (draft) => bytes(draft, () => Buffer.from(messageWith(draft, ['book_id', 'Zürich']), 'latin1')),
  'overlong UTF-8': (draft) => withBytes(draft, [0xc1, 0x81]),
  'surrogate in UTF-8': (draft) => withBytes(draft, [0xed, 0xa0, 0x80]),
  'beyond Unicode': (draft) => withBytes(draft, [0xf4, 0x90, 0x80, 0x80]),
  'cut UTF-8': (draft) => withBytes(draft, [0xe2, 0x82]),
  'comma at the end': (draft) => text(draft, (whole) => whole.replace(/}$/, ',}')),
  'single quotes': (draft) => text(draft, (whole) => whole.replaceAll('"', "'")),
  'comment': (draft) => text(draft, (whole) => whole.replace('{', '{/* a trade */')),
  'no JSON number': (draft) => text(draft, (whole) => whole.replace(/^{/, `{"x":${pick(['01', '+1', '1.', '.5', 'NaN', 'Infinity', '0x1', '1e', '-', '--1', '1_000'], draft.chance)},`)),
  'no JSON escape': (draft) => text(draft, (whole) => whole.replace(/^{/, `{"x":"${pick(['\\x41', '\\u12', '\\u00zz', "\\'", '\\u{41}'], draft.chance)}",`)),
  'control character in a string': (draft) => text(draft, (whole) => whole.replace(/^{/, `{"x":"${pick(['\n', '\t', '\u0001', '\u001f'], draft.chance)}",`)),
  'depth 65': (draft) => text(draft, (whole) => whole.replace(/^{/, `{"x":${'['.repeat(64)}${']'.repeat(64)},`)),
  'depth 65 in an ignored field': (draft) => text(draft, (whole) => whole.replace('"expired":false', `"expired":${'{"a":'.repeat(64)}1${'}'.repeat(64)}`)),
  'depth 100,000': (draft) => text(draft, () => '['.repeat(100_000)),
  'U+0000': (draft) => member(draft, ['note', 'a\u0000b']),
  'U+0000 deep inside': (draft) => member(draft, ['note', [new Members([['a', ['\u0000']]])]]),
  'U+0000 in a name': (draft) => member(draft, ['no\u0000te', true]),
  'U+0000 in trade_id': (draft) => member(draft, ['trade_id', `${draft.tradeId}\u0000`]),
  'unpaired surrogate': (draft) => text(draft, (whole) => whole.replace(/^{/, `{"x":"${pick(['\\ud800', '\\udc00', '\\ud83dx', '\\ude00\\ud83d'], draft.chance)}",`)),
  'unpaired surrogate in a name': (draft) => text(draft, (whole) => whole.replace(/^{/, '{"\\uD83D":1,')),
  // the fields
  'field missing': (draft) => {
    const name = pick(REQUIRED, draft.chance)
    return message(draft, membersOf(draft.tradeId, draft.content).filter(([other]) => other !== name))
  },
  'field null': (draft) => member(draft, [pick(REQUIRED, draft.chance), null]),
  'wrong type': (draft) => member(draft, [pick(REQUIRED, draft.chance), pick<Tree>([true, [], new Members([]), new NumberText('1.5')], draft.chance)]),
  'version as text': (draft) => member(draft, ['version', String(draft.content.version)]),
  'version out of range': (draft) => member(draft, ['version', new NumberText(pick(['0', '-1', '-0', '2147483648', '1e10', '4294967297', '1e400', '0e5', '9007199254740993'], draft.chance))]),
  'version with a fraction': (draft) => member(draft, ['version', new NumberText(pick(['1.5', '15e-1', '1e-1', '2147483646.9999999999999999999', '1.0000000000000000000000001'], draft.chance))]),
  'empty id': (draft) => member(draft, [pick(IDS, draft.chance), '']),
  'id too long': (draft) => member(draft, [pick(IDS, draft.chance), pick(['x'.repeat(51), '🚢'.repeat(51), `${'e\u0301'.repeat(25)}x`], draft.chance)]),
  'trade_id too long': ({ content }) => {
    const tradeId = `LONG-${'x'.repeat(46)}`
    return { key: Buffer.from(tradeId), value: Buffer.from(plainText(new Members(membersOf(tradeId, content)))) }
  },
  'no calendar day': (draft) => member(draft, [pick(DATES, draft.chance), pick(NO_DATES, draft.chance)]),
  'no date': (draft) => member(draft, [pick(DATES, draft.chance), pick(['', '2031-1-1', '20310101', '01/02/2031', '2031-01-01T00:00:00Z', '2031-01-01 00:00', ' 2031-01-01', '2031-01-01\n', '+002031-01-01', '２０３１-01-01'], draft.chance)]),
  'known field twice': (draft) => {
    const members = membersOf(draft.tradeId, draft.content)
    const name = pick(REQUIRED, draft.chance)
    return message(draft, [...members, ...members.filter(([other]) => other === name)])
  },
  'known field twice, once with an escape': (draft) => text(draft, (whole) => whole.replace(/^{/, '{"b\\u006fok_id":"B1",')),
  'counterparties differ': (draft) => message(draft, [...membersOf(draft.tradeId, draft.content), ['counter_party_id', `${draft.content.counterparty}x`.slice(-50)]]),
  // the key
  'key of another trade': (draft) => ({ ...text(draft, (whole) => whole), key: Buffer.from(pick(['OTHER', `${draft.tradeId.slice(0, 40)} `, `x${draft.tradeId}`.slice(0, 20)], draft.chance)) }),
  'null key': (draft) => ({ ...text(draft, (whole) => whole), key: null }),
  'empty key': (draft) => ({ ...member(draft, ['trade_id', '']), key: Buffer.alloc(0) }),
  'key not UTF-8': (draft) => ({ ...text(draft, (whole) => whole), key: Buffer.from([0x54, 0xff, 0x31]) }),
  'wrong partition': (draft) => ({ ...text(draft, (whole) => whole), partitionShift: 1 }),
  'broken, in the wrong partition': (draft) => ({ ...text(draft, (whole) => whole.slice(1)), partitionShift: 1 }),
  // deletes
  'delete without a key': () => ({ key: null, value: null }),
  'delete, empty key': () => ({ key: Buffer.alloc(0), value: null }),
  'delete, key too long': () => ({ key: Buffer.from('y'.repeat(51)), value: null }),
  'delete, key not UTF-8': () => ({ key: Buffer.from([0xc0, 0x80]), value: null }),
  'delete, U+0000 in the key': () => ({ key: Buffer.from('T\u00001'), value: null }),
  'delete in the wrong partition': ({ tradeId }) => ({ key: Buffer.from(tradeId), value: null, partitionShift: 1 }),
}

const REQUIRED = ['trade_id', 'version', 'counterparty_id', 'book_id', 'maturity_date', 'created_date']
const IDS = ['counterparty_id', 'book_id']
const DATES = ['maturity_date', 'created_date']
const NO_DATES = ['2031-02-29', '2100-02-29', '2031-04-31', '2031-13-01', '2031-00-10', '2031-01-00', '2031-01-32', '0000-01-01', '9999-99-99']

function messageWith({ tradeId, content }: Draft, [name, value]: Member): string {
  const members = membersOf(tradeId, content)
  const isThere = members.some(([other]) => other === name)
  return plainText(new Members(isThere ? members.map((other): Member => (other[0] === name ? [name, value] : other)) : [...members, [name, value]]))
}

/** The trade with one member put in, or in the place of the one of that name. */
function member(draft: Draft, replacement: Member): InvalidRecord {
  return { key: Buffer.from(draft.tradeId), value: Buffer.from(messageWith(draft, replacement)) }
}

function message({ tradeId }: Draft, members: readonly Member[]): InvalidRecord {
  return { key: Buffer.from(tradeId), value: Buffer.from(plainText(new Members(members))) }
}

function text({ tradeId, content }: Draft, change: (whole: string) => string): InvalidRecord {
  return { key: Buffer.from(tradeId), value: Buffer.from(change(plainText(new Members(membersOf(tradeId, content))))) }
}

function bytes({ tradeId, content }: Draft, change: (whole: Buffer) => Buffer): InvalidRecord {
  return { key: Buffer.from(tradeId), value: change(Buffer.from(plainText(new Members(membersOf(tradeId, content))))) }
}

/** The trade with these bytes within a string. */
function withBytes(draft: Draft, inserted: readonly number[]): InvalidRecord {
  return bytes(draft, (whole) => Buffer.concat([Buffer.from('{"x":"'), Buffer.from(inserted), Buffer.from('",'), whole.subarray(1)]))
}
