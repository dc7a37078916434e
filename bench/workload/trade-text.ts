import type { Mulberry32 } from './workload.ts'

/** JSON whose numbers are texts, so that every digit can be chosen. */
export type Tree = null | boolean | string | NumberText | readonly Tree[] | Members

export class NumberText {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/** The members of an object, in order; a name may come twice. */
export class Members {
  readonly list: readonly Member[]

  constructor(list: readonly Member[]) {
    this.list = list
  }
}

export type Member = readonly [name: string, value: Tree]

/** What a trade says; its id is beside it. */
export interface TradeContent {
  readonly version: number
  readonly counterparty: string
  readonly book: string
  readonly maturity: string
  readonly created: string
  readonly unknown: readonly Member[]
}

export function membersOf(tradeId: string, content: TradeContent): Member[] {
  return [
    ['trade_id', tradeId],
    ['version', new NumberText(String(content.version))],
    ['counterparty_id', content.counterparty],
    ['book_id', content.book],
    ['maturity_date', content.maturity],
    ['created_date', content.created],
    ['expired', false],
    ...content.unknown,
  ]
}

export function plainText(tree: Tree): string {
  if (tree instanceof NumberText) return tree.text
  if (tree instanceof Members) return `{${tree.list.map(([name, value]) => `${JSON.stringify(name)}:${plainText(value)}`).join(',')}}`
  return isList(tree) ? `[${tree.map(plainText).join(',')}]` : JSON.stringify(tree)
}

/** The same content in another dress: members reordered, spaces, escapes, other forms of the same numbers. */
export function rewrittenText(tree: Tree, chance: Mulberry32): string {
  const space = (): string => (chance.next() < 0.3 ? pick(SPACES, chance) : '')
  if (tree instanceof NumberText) return otherForm(tree.text, chance)
  if (tree instanceof Members) {
    const members = shuffled([...new Map(tree.list)], chance)
    return `{${members.map(([name, value]) => `${space()}${escaped(name, chance)}${space()}:${space()}${rewrittenText(value, chance)}`).join(`${space()},`)}${space()}}`
  }
  if (isList(tree)) return `[${space()}${tree.map((item) => rewrittenText(item, chance)).join(`${space()},`)}${space()}]`
  return typeof tree === 'string' ? escaped(tree, chance) : JSON.stringify(tree)
}

/** The message of a trade in another dress: also the other name of the counterparty, and other values of what is ignored. */
export function rewrittenTrade(tradeId: string, content: TradeContent, chance: Mulberry32): string {
  const members = membersOf(tradeId, content).flatMap(([name, value]): Member[] => {
    if (name === 'counterparty_id') return pick([[['counterparty_id', value]], [['counter_party_id', value]], [['counter_party_id', value], ['counterparty_id', value]]], chance)
    return name === 'expired' ? ignoredMembers(chance) : [[name, value]]
  })
  const text = rewrittenText(new Members(members), chance)
  return `${chance.next() < 0.2 ? ' \n' : ''}${text}${chance.next() < 0.2 ? '\r\n\t ' : ''}`
}

export function pick<T>(items: readonly T[], chance: Mulberry32): T {
  const item = items[Math.floor(chance.next() * items.length)]
  if (item === undefined) throw new RangeError('there is nothing to pick from')
  return item
}

export function hex(bytes: number, chance: Mulberry32): string {
  let text = ''
  for (let i = 0; i < bytes; i++) text += Math.floor(chance.next() * 256).toString(16).padStart(2, '0')
  return text
}

const LONG_TEXT = 1000
const SPACES = [' ', '  ', '\n', '\t', '\r\n']

function ignoredMembers(chance: Mulberry32): Member[] {
  const values: readonly Tree[] = [true, false, null, 'yes', new NumberText('1e5'), [], new Members([['a', 'b']])]
  return ['expired', 'last_updated', 'expired_at'].filter(() => chance.next() < 0.5).map((name): Member => [name, pick(values, chance)])
}

/** `12.5` as `125e-1`, `1.25E1`, `125000e-4` and the like. */
function otherForm(text: string, chance: Mulberry32): string {
  const parts = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text)
  if (parts === null) throw new Error(`${text} is not a JSON number`)
  const [, sign = '', whole = '', fraction = '', power = '0'] = parts
  const digits = (whole + fraction).replace(/^0+(?=\d)/, '')
  const exponent = Number(power) - fraction.length
  if (digits === '0') return pick([text, '0', '-0', '0.0', '0e5', '-0.00E-3'], chance)
  return pick([
    text,
    `${sign}${digits}e${exponent}`,
    `${sign}${digits.slice(0, 1)}.${digits.slice(1) || '0'}E${exponent + digits.length - 1}`,
    `${sign}${digits}000e${exponent - 3}`,
    `${sign}0.${digits}e${exponent + digits.length >= 0 ? '+' : ''}${exponent + digits.length}`,
  ], chance)
}

function escaped(text: string, chance: Mulberry32): string {
  // A text of a megabyte would grow beyond what fits.
  if (text.length > LONG_TEXT || chance.next() < 0.6) return JSON.stringify(text)
  let content = ''
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    const mustEscape = unit < 0x20 || unit === 0x22 || unit === 0x5c
    // A half of a surrogate pair may not be escaped alone: the other half would be no UTF-8.
    const surrogate = unit >= 0xd800 && unit <= 0xdfff
    content += text[i] === '/' ? '\\/' : mustEscape || surrogate || chance.next() < 0.3 ? `\\u${unit.toString(16).padStart(4, '0')}` : text[i]
  }
  return `"${content}"`
}

function shuffled<T>(items: readonly T[], chance: Mulberry32): T[] {
  const result = [...items]
  for (let i = result.length - 1; i > 0; i--) {
    const j = Math.floor(chance.next() * (i + 1))
    const [a, b] = [result[i], result[j]]
    if (a !== undefined && b !== undefined) [result[i], result[j]] = [b, a]
  }
  return result
}

function isList(tree: Tree): tree is readonly Tree[] {
  return Array.isArray(tree)
}
