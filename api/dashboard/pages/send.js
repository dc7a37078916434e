import { useRef, useState } from 'preact/hooks'
import { Problem, send } from '../api.js'
import { html } from '../html.js'
import { Field, TextField, valueOf } from '../parts/field.js'
import { Journey, useJourney } from '../parts/journey.js'

/** @typedef {{ trade_id: string, version: string, counterparty_id: string, book_id: string, maturity_date: string, created_date: string, more: string }} Fields */
/** @typedef {{ body: string, key: string }} Attempt */

const FIELDS = /** @type {const} */ (['trade_id', 'version', 'counterparty_id', 'book_id', 'maturity_date', 'created_date'])
const YEAR_MS = 365 * 86_400_000

/** A form that follows its request: written, judged, in PostgreSQL. */
export function Send() {
  const [fields, setFields] = useState(firstFields)
  const [faults, setFaults] = useState(/** @type {Readonly<Record<string, string>>} */ ({}))
  const [isSending, setSending] = useState(false)
  // A second press after a failure is the same request: it must not write the trade twice.
  const attempt = useRef(/** @type {Attempt | undefined} */ (undefined))
  const journey = useJourney()
  /** @param {keyof Fields} name @returns {(value: string) => void} */
  const set = (name) => (value) => setFields((before) => ({ ...before, [name]: value }))

  /** @param {SubmitEvent} event */
  const submit = async (event) => {
    event.preventDefault()
    const body = bodyOf(fields)
    if (typeof body !== 'string') return setFaults(body)
    setFaults({})
    setSending(true)
    if (attempt.current?.body !== body) attempt.current = { body, key: crypto.randomUUID() }
    const startMs = performance.now()
    try {
      const answer = await send('POST', '/trades', body, { headers: { 'idempotency-key': attempt.current.key } })
      attempt.current = undefined
      const { request_id: requestId } = /** @type {import('../answers.ts').RequestStatus} */ (answer.body)
      journey.follow({ requestId, tradeId: fields.trade_id, version: Number(fields.version), startMs })
    } catch (error) {
      const found = error instanceof Problem ? faultsOf(error) : { '': `${/** @type {Error} */ (error).message} Whether the trade arrived is not known. Press again: it is the same request, and processed once.` }
      setFaults(found)
    } finally {
      setSending(false)
    }
  }

  return html`
    <h1>Send a trade</h1>
    <div class="columns send">
      <form class="form" aria-label="Trade" onSubmit=${submit} novalidate>
        ${faults[''] !== undefined && html`<p class="note bad" role="alert">${faults['']}</p>`}
        <${TextField} name="trade_id" label="Trade id" value=${fields.trade_id} onInput=${set('trade_id')} fault=${faults['trade_id']} required=${true} />
        <${TextField} name="version" label="Version" hint="A whole number from 1. Lower than the stored one is refused." inputmode="numeric" value=${fields.version} onInput=${set('version')} fault=${faults['version']} required=${true} />
        <${TextField} name="counterparty_id" label="Counterparty" value=${fields.counterparty_id} onInput=${set('counterparty_id')} fault=${faults['counterparty_id']} required=${true} />
        <${TextField} name="book_id" label="Book" value=${fields.book_id} onInput=${set('book_id')} fault=${faults['book_id']} required=${true} />
        <${TextField} name="maturity_date" label="Matures" hint="YYYY-MM-DD. Before today’s business date is refused." inputmode="numeric" value=${fields.maturity_date} onInput=${set('maturity_date')} fault=${faults['maturity_date']} required=${true} />
        <${TextField} name="created_date" label="Created" hint="YYYY-MM-DD" inputmode="numeric" value=${fields.created_date} onInput=${set('created_date')} fault=${faults['created_date']} required=${true} />
        <${Field} name="more" label="More fields" hint='JSON, such as {"desk": "rates"}. They are kept and passed on.' fault=${faults['more']}>
          ${(/** @type {Record<string, unknown>} */ own) => html`<textarea ...${own} rows="3" spellcheck="false" value=${fields.more} onInput=${(/** @type {InputEvent} */ event) => set('more')(valueOf(event))}></textarea>`}
        <//>
        <div class="actions"><button class="primary" type="submit" disabled=${isSending}>${isSending ? 'Sending …' : 'Send'}</button></div>
      </form>
      <${Journey} journey=${journey.state} />
    </div>
  `
}

/** @returns {Fields} */
function firstFields() {
  const today = new Date().toISOString().slice(0, 10)
  return { trade_id: '', version: '1', counterparty_id: '', book_id: '', maturity_date: new Date(Date.now() + YEAR_MS).toISOString().slice(0, 10), created_date: today, more: '' }
}

/**
 * The trade as JSON; the gateway judges it. Numbers of other fields go as they were written, digit by digit.
 * @param {Fields} fields
 * @returns {string | Readonly<Record<string, string>>} or what is wrong with a field
 */
function bodyOf(fields) {
  const members = FIELDS.map((name) => `${JSON.stringify(name)}:${name === 'version' && /^-?\d+(\.\d+)?$/.test(fields.version.trim()) ? fields.version.trim() : JSON.stringify(fields[name])}`)
  const more = fields.more.trim()
  if (more === '') return `{${members.join(',')}}`
  try {
    const found = /** @type {unknown} */ (JSON.parse(more))
    if (typeof found !== 'object' || found === null || Array.isArray(found)) return { more: 'expected an object, such as {"desk": "rates"}' }
    const known = FIELDS.find((name) => name in found)
    if (known !== undefined) return { more: `found ${known}, which has a field of its own above` }
    const inner = more.slice(1, -1).trim()
    return `{${[...members, ...(inner === '' ? [] : [inner])].join(',')}}`
  } catch (error) {
    return { more: `no JSON: ${/** @type {Error} */ (error).message}` }
  }
}

/** Each fault at its field; the others, and faults of no field, above the form. @param {Problem} problem @returns {Readonly<Record<string, string>>} */
function faultsOf({ message, body }) {
  const placed = (body.errors ?? []).map(({ pointer = '', detail }) => /** @type {const} */ ([FIELDS.find((name) => pointer === `/${name}`) ?? '', detail]))
  return placed.length === 0 ? { '': message } : Object.fromEntries(placed)
}
