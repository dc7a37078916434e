import { Type } from 'typebox'
import { PREFIX } from './api-prefix.ts'
import { badRequest } from './problem.ts'

/** In the path, where the query has the id. */
const IN_QUERY = '_'

const TradeId = Type.String({ minLength: 1, maxLength: 50, pattern: '^[^\\u0000]*$', description: 'trade_id', examples: ['T1'] })

/** Of the path of one trade. */
export const TradeIdParams = Type.Object({ id: TradeId })

/** Of the query of one trade: the ids `.` and `..` stand in no path, as whoever sends it makes another path of them, percent-encoded or not. */
export const TRADE_ID_QUERY = {
  trade_id: Type.Optional(Type.String({ minLength: 1, maxLength: 50, pattern: '^[^\\u0000]*$', description: 'The id, where the path has `_` in its place: for `.` and `..`, which stand in no path (/trades/_?trade_id=..). With another id in the path: 400' })),
}

/** Two ids of which one is passed over would delete a trade that nobody meant. A trade whose id is `_` is found without the query. @throws ProblemError */
export function tradeIdOf({ params, query }: { readonly params: { readonly id: string }; readonly query: { readonly trade_id?: string } }): string {
  if (query.trade_id === undefined) return params.id
  if (params.id !== IN_QUERY && params.id !== query.trade_id) {
    const detail = `found trade_id ${JSON.stringify(query.trade_id)} beside the id ${JSON.stringify(params.id)} of the path, expected one of them: leave the query out, or put ${IN_QUERY} into the path`
    throw badRequest('invalid-request', detail, [{ parameter: 'trade_id', detail: `only where the path has ${IN_QUERY}` }])
  }
  return query.trade_id
}

/** Where a trade is found. */
export function tradePath(tradeId: string): string {
  return /^\.\.?$/.test(tradeId) ? `${PREFIX}/trades/${IN_QUERY}?trade_id=${tradeId}` : `${PREFIX}/trades/${encodeURIComponent(tradeId)}`
}
