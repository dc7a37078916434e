import { RAW, type Raw, StreamsBuilder } from '../engine/dsl/streams-builder.ts'
import { ExpiryControl } from '../processors/expiry-control.ts'
import { tradeProcessor } from '../processors/trade-processor.ts'
import { TRADE_RULES_DEFAULTS, type TradeRulesSettings } from '../processors/trade-rules-settings.ts'
import { TRADE_PREFIX_BYTES } from '../processors/trade-state.ts'
import { TRADE_TOPICS } from './trade-topics.ts'

/** Names of the stores of the trade topology. */
export const TRADE_STORES = { trades: 'trades', requests: 'requests' } as const

/**
 * The trade store: every input record is judged by the rules against what is known of its trade, and ends in exactly one audit entry; an accepted one also in the
 * new state of its trade.
 */
export function createTrades(settings: Partial<TradeRulesSettings> = {}): { topology: ReturnType<StreamsBuilder['build']>; expire: () => Promise<number> } {
  const expiry = new ExpiryControl()
  const builder = new StreamsBuilder()
    .store({ name: TRADE_STORES.trades, prefixBytes: TRADE_PREFIX_BYTES })
    .store({ name: TRADE_STORES.requests, prefixBytes: 0 })
  const rules = builder
    .stream(TRADE_TOPICS.ingested, RAW)
    .process<{ processed: Raw; expired: Raw; repaired: Raw; audit: Raw; 'dead-letter': Raw }>('trade-rules', tradeProcessor({ ...TRADE_RULES_DEFAULTS, ...settings, expiry }), {
      stores: Object.values(TRADE_STORES),
    })
  rules.output('processed').to(TRADE_TOPICS.processed, RAW)
  rules.output('expired').to(TRADE_TOPICS.expired, RAW)
  rules.output('repaired').to(TRADE_TOPICS.repaired, RAW)
  rules.output('audit').to(TRADE_TOPICS.audit, RAW)
  rules.output('dead-letter').to(TRADE_TOPICS.deadLetter, RAW)
  builder.deadLettersTo(TRADE_TOPICS.deadLetter)
  return { topology: builder.build(), expire: () => new Promise((expired) => expiry.request(expired)) }
}
