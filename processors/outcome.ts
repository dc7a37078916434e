/** What became of a record. The order is that of the rules' table. */
export type Outcome = 'CREATED' | 'UPDATED' | 'REPLACED' | 'DUPLICATE' | 'STALE_VERSION' | 'PAST_MATURITY' | 'INVALID' | 'DELETED' | 'NOT_FOUND' | 'EXPIRED'

interface OutcomeTexts {
  readonly action: 'CREATE' | 'UPDATE' | 'VALIDATION_FAILED' | 'DELETE' | 'EXPIRE'
  readonly status: 'success' | 'failed'
}

export const OUTCOMES: { readonly [outcome in Outcome]: OutcomeTexts } = {
  CREATED: { action: 'CREATE', status: 'success' },
  UPDATED: { action: 'UPDATE', status: 'success' },
  REPLACED: { action: 'UPDATE', status: 'success' },
  DUPLICATE: { action: 'UPDATE', status: 'success' },
  STALE_VERSION: { action: 'VALIDATION_FAILED', status: 'failed' },
  PAST_MATURITY: { action: 'VALIDATION_FAILED', status: 'failed' },
  INVALID: { action: 'VALIDATION_FAILED', status: 'failed' },
  DELETED: { action: 'DELETE', status: 'success' },
  NOT_FOUND: { action: 'DELETE', status: 'failed' },
  EXPIRED: { action: 'EXPIRE', status: 'success' },
}
