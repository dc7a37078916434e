import { Type } from 'typebox'
import { PREFIX } from './api-prefix.ts'

const TradeId = Type.String({ minLength: 1, maxLength: 50, pattern: '^[^\\u0000]*$', description: 'trade_id', examples: ['T1'] })

/** Of the path of one trade. */
export const TradeIdParams = Type.Object({ id: TradeId })

/** Of the query of one trade: the ids `.` and `..` stand in no path, as whoever sends it makes another path of them, percent-encoded or not. */
export const TRADE_ID_QUERY = {
  trade_id: Type.Optional(Type.String({ minLength: 1, maxLength: 50, pattern: '^[^\\u0000]*$', description: 'Counts in place of the id in the path: for `.` and `..`, which stand in no path (/trades/_?trade_id=..)' })),
}

export function tradeIdOf({ params, query }: { readonly params: { readonly id: string }; readonly query: { readonly trade_id?: string } }): string {
  return query.trade_id ?? params.id
}

/** Where a trade is found. */
export function tradePath(tradeId: string): string {
  return /^\.\.?$/.test(tradeId) ? `${PREFIX}/trades/_?trade_id=${tradeId}` : `${PREFIX}/trades/${encodeURIComponent(tradeId)}`
}
