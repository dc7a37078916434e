import { type Member, Members, NumberText, pick, type Tree, type TradeContent } from './trade-text.ts'
import type { Mulberry32 } from './workload.ts'

/** What the generator remembers of a trade, to know what a record will lead to. */
export interface ShadowTrade {
  readonly tradeId: string
  /** The content that is stored; `undefined`: never accepted, or deleted. */
  content: TradeContent | undefined
  /** The highest version that was accepted, also of a deleted trade; 0: none. */
  version: number
}

/** Ids that look harmless, and now and then one of each kind that is not. */
export function tradeIdOf(index: number): string {
  switch (index % 40) {
    case 7: return `Ünï-${index}`
    case 13: return `🚢-${index}`
    case 17: return `${'🚢'.repeat(50 - String(index).length)}${index}`
    case 19: return ` spaces ${index} `
    case 23: return `\ufeffmark-${index}`
    case 29: return `"quoted"\\${index}/`
    case 31: return `e\u0301-\u0001\t-${index}`
    default: return `TRD-${String(index).padStart(8, '0')}`
  }
}

/** A plain id has no character of more than one byte, which sizes to the byte need. */
export function isPlainId(tradeId: string): boolean {
  return tradeId.startsWith('TRD-')
}

/** New content: maturity today or later, often near, so that an expiry run some days later has work. */
export function newContent(version: number, businessDate: string, chance: Mulberry32): TradeContent {
  const near = chance.next() < 0.3
  const days = near ? Math.floor(chance.next() * 4) : 4 + Math.floor(chance.next() * 3650)
  return {
    version,
    counterparty: chance.next() < 0.02 ? pick(ODD_TEXTS, chance) : `CP-${Math.floor(chance.next() * 5000)}`,
    book: chance.next() < 0.02 ? pick(ODD_TEXTS, chance) : `BOOK-${Math.floor(chance.next() * 200)}`,
    maturity: chance.next() < 0.01 ? '9999-12-31' : dayAfter(businessDate, days),
    created: chance.next() < 0.01 ? pick(['0001-01-01', '2000-02-29', '9999-12-31'], chance) : dayAfter('2026-01-01', Math.floor(chance.next() * 300)),
    unknown: unknownFields(chance),
  }
}

/** A maturity date that has passed. */
export function pastMaturity(businessDate: string, chance: Mulberry32): string {
  return chance.next() < 0.05 ? '0001-01-01' : dayAfter(businessDate, -1 - Math.floor(chance.next() * 1000))
}

/** Calendar arithmetic on texts: no clock is asked. */
export function dayAfter(date: string, days: number): string {
  return new Date(Date.parse(date) + days * 86_400_000).toISOString().slice(0, 10)
}

const ODD_TEXTS = ['x', 'ü'.repeat(50), '🏦'.repeat(50), ' ', '"', 'null', 'a\\b/c', '\u007f', '\ufeff', '\u2028\u2029', "'; drop table trades; --"]
const NAMES = ['trader', 'desk', 'notional', 'price', 'tags', 'legs', 'note', '__proto__', 'constructor', 'ünïcode', '', 'a"b\\', 'Version', 'TRADE_ID', 'deleted', 'toString']
const NUMBERS = ['0', '-0', '-0.0', '1.50', '0.1', '9007199254740993', '123456789012345678901234567890.123456789012345678901234567890', '1e308', '-1.7976931348623159e309', '1E-300', '3.0E+2', '100000000000000000000']

function unknownFields(chance: Mulberry32): Member[] {
  if (chance.next() < 0.6) return []
  const fields = new Map<string, Tree>()
  for (let i = 0; i < 1 + Math.floor(chance.next() * 4); i++) fields.set(pick(NAMES, chance), unknownValue(chance))
  return [...fields]
}

function unknownValue(chance: Mulberry32): Tree {
  const draw = chance.next()
  if (draw < 0.4) return new NumberText(pick(NUMBERS, chance))
  if (draw < 0.6) return pick(['', 'text', 'Zürich 🏦', 'line\nbreak', 'quote " and \\', '\u2028'], chance)
  if (draw < 0.7) return pick<Tree>([true, false, null], chance)
  if (draw < 0.8) return [new NumberText(pick(NUMBERS, chance)), 'a', [null, []]]
  if (draw < 0.98) return new Members([['leg', new NumberText(pick(NUMBERS, chance))], ['rate', new NumberText('0.0250')], ['inner', new Members([['__proto__', 'x'], ['', []]])]])
  if (draw < 0.99) return new Members([['twice', 'first'], ['other', true], ['twice', new NumberText('2')]])
  return nested(63)
}

/** With the message around it, the deepest that is allowed. */
function nested(levels: number): Tree {
  let tree: Tree = []
  for (let level = 1; level < levels; level++) tree = level % 2 === 0 ? [tree] : new Members([['n', tree]])
  return tree
}
