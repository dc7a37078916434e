import { shortName } from '../format.js'
import { html } from '../html.js'

/** @type {Readonly<Record<string, string>>} */
const NAMES = {
  CREATED: 'Created',
  UPDATED: 'Updated',
  REPLACED: 'Replaced',
  DUPLICATE: 'Duplicate',
  DELETED: 'Deleted',
  EXPIRED: 'Expired',
  STALE_VERSION: 'Stale version',
  PAST_MATURITY: 'Past maturity',
  INVALID: 'Invalid',
  NOT_FOUND: 'Not found',
}

/** In the order in which they are listed: what was accepted first. */
export const OUTCOMES = Object.keys(NAMES)
const REFUSED = new Set(['STALE_VERSION', 'PAST_MATURITY', 'INVALID', 'NOT_FOUND'])

/** @param {string} outcome */
export function outcomeName(outcome) {
  return NAMES[outcome] ?? outcome
}

/** @param {string} outcome */
export function isRefused(outcome) {
  return REFUSED.has(outcome)
}

/** Never by colour alone: what was refused has a mark of another shape. @param {{ of: string }} props */
export function Outcome({ of }) {
  return html`<span class=${`outcome ${isRefused(of) ? 'refused' : of === 'DUPLICATE' || of === 'EXPIRED' || of === 'DELETED' ? 'quiet' : 'accepted'}`}>${outcomeName(of)}</span>`
}

/** A state, with a mark. @param {{ level: 'good' | 'warn' | 'bad' | 'quiet', children?: unknown }} props */
export function Mark({ level, children }) {
  return html`<span class=${`mark ${level}`}>${children}</span>`
}

/** An instance by its name, the whole of it in the title. @param {{ of: string }} props */
export function InstanceName({ of }) {
  return html`<span class="id" title=${of}>${shortName(of)}</span>`
}
