import { Type } from 'typebox'
import { HIGHEST_VERSION, ID_CODE_POINTS, TradeMessage } from '../processors/trade-message.ts'
import { ByteView } from '../records/byte-view.ts'
import { badRequest, type ProblemError, type ProblemPart } from './problem.ts'

const identifier = (description: string, example: string) => Type.String({ minLength: 1, maxLength: ID_CODE_POINTS, pattern: '^[^\\u0000]*$', description, examples: [example] })
const day = (description: string, example: string) => Type.String({ format: 'date', description, examples: [example] })

export const TRADE_EXAMPLE = { trade_id: 'T1', version: 1, counterparty_id: 'CP-1', book_id: 'B1', maturity_date: '2027-05-20', created_date: '2026-12-11' }

/** A trade, as producers send it. */
export const TradeSchema = Type.Object(
  {
    trade_id: identifier('1 to 50 code points, neither trimmed nor normalised', 'T1'),
    version: Type.Integer({ minimum: 1, maximum: HIGHEST_VERSION, examples: [1] }),
    counterparty_id: identifier('Also accepted as counter_party_id', 'CP-1'),
    book_id: identifier('1 to 50 code points', 'B1'),
    maturity_date: day('A calendar day; before the business date it is refused', '2027-05-20'),
    created_date: day('A calendar day', '2026-12-11'),
  },
  {

    title: 'Trade',
    description: 'A trade. Unknown fields are kept and passed on, numbers with all their digits; expired, last_updated and expired_at are ignored.',
    additionalProperties: true,
    examples: [TRADE_EXAMPLE],
  },
)

/** A body that is a trade by the rules of the processor, which reads it again: as it came, byte by byte. */
export interface CheckedTrade {
  readonly tradeId: string
  readonly version: number
  readonly bytes: Buffer
}

const message = new TradeMessage({ everyFault: true })
const view = new ByteView()

/** Checks the shape of a trade with the very reader of the processor: what it takes is not refused there as unreadable, and the other way round. */
export function checkTrade(bytes: Buffer): CheckedTrade | ProblemError {
  if (message.read(view.set(bytes, 0, bytes.length))) return { tradeId: message.tradeIdText(), version: message.version, bytes }
  const errors = message.faults.map(({ field = 'value', reason }): ProblemPart => ({ pointer: field === 'value' ? '' : `/${field}`, detail: reason }))
  return badRequest('invalid-trade', errors.map(({ detail }) => detail).join('; '), errors)
}
