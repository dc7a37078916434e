import { RAW, type Raw, StreamsBuilder } from '../engine/dsl/streams-builder.ts'
import { ExpiryControl } from '../processors/expiry-control.ts'
import { REQUEST_PREFIX_BYTES } from '../processors/request-state.ts'
import { tradeProcessor } from '../processors/trade-processor.ts'
import { TRADE_RULES_DEFAULTS, type TradeRulesSettings } from '../processors/trade-rules-settings.ts'
import { TRADE_PREFIX_BYTES } from '../processors/trade-state.ts'
import { TRADE_TOPICS, type TradeTopics } from './trade-topics.ts'

/** Names of the stores of the trade topology. */
export const TRADE_STORES = { trades: 'trades', requests: 'requests' } as const

/**
 * The trade store: every input record is judged by the rules against what is known of its trade, and ends in exactly one audit entry; an accepted one also in the
 * new state of its trade.
 */
export function createTrades(settings: Partial<TradeRulesSettings> = {}, topics: TradeTopics = TRADE_TOPICS): { topology: ReturnType<StreamsBuilder['build']>; expire: () => Promise<number> } {
  const expiry = new ExpiryControl()
  const builder = new StreamsBuilder()
    .store({ name: TRADE_STORES.trades, prefixBytes: TRADE_PREFIX_BYTES })
    .store({ name: TRADE_STORES.requests, prefixBytes: REQUEST_PREFIX_BYTES })
  const rules = builder
    .stream(topics.ingested, RAW)
    .process<{ processed: Raw; expired: Raw; repaired: Raw; audit: Raw; 'dead-letter': Raw }>('trade-rules', tradeProcessor({ ...TRADE_RULES_DEFAULTS, ...settings, expiry }), {
      stores: Object.values(TRADE_STORES),
    })
  rules.output('processed').to(topics.processed, RAW)
  rules.output('expired').to(topics.expired, RAW)
  rules.output('repaired').to(topics.repaired, RAW)
  rules.output('audit').to(topics.audit, RAW)
  rules.output('dead-letter').to(topics.deadLetter, RAW)
  builder.deadLettersTo(topics.deadLetter)
  return { topology: builder.build(), expire: () => new Promise((expired) => expiry.request(expired)) }
}
