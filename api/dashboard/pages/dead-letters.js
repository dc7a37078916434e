import { useRef, useState } from 'preact/hooks'
import { Problem, send } from '../api.js'
import { useDeadLetter, useDeadLetters } from '../calls.js'
import { bytes, count, dateTime } from '../format.js'
import { html } from '../html.js'
import { Dialog } from '../parts/dialog.js'
import { Field, valueOf } from '../parts/field.js'
import { Journey, useJourney } from '../parts/journey.js'
import { Pager, useCursors } from '../parts/pager.js'
import { Empty, shownOf } from '../parts/states.js'
import { Table } from '../parts/table.js'
import { fromBase64, fromHex, hexRows, toBase64, toHex } from '../raw-bytes.js'
import { tradePath } from '../router.js'

/** @typedef {import('../answers.ts').DeadLetter} DeadLetter */

/** What could not be read or written, and why; mended and sent again from here. @param {{ query: URLSearchParams }} props */
export function DeadLetters({ query }) {
  const cursors = useCursors('dead letters')
  const letters = useDeadLetters(cursors.cursor)
  const id = query.get('id') ?? undefined
  // One that was chosen stays, although newer ones have taken its place in the list.
  const kept = useRef(/** @type {DeadLetter | undefined} */ (undefined))
  return html`
    <div class="title">
      <h1>Dead letters</h1>
      <button type="button" onClick=${letters.refresh}>Look again</button>
    </div>
    ${shownOf(letters, 'The dead letters', ({ items, next }) => {
      if (items.length === 0) return html`<${Empty} title="There are none"><p>Every record could be read, and every row was taken. Dead letters are kept for 30 days.</p><//>`
      const letter = items.find((one) => one.id === id) ?? (kept.current?.id === id ? kept.current : undefined)
      kept.current = letter
      return html`
        <div class="columns letters" data-chosen=${id !== undefined}>
          <div class="letter-list">
            <${Table} caption="Dead letters, the newest first" columns=${columnsOf(id)} rows=${items} keyOf=${(/** @type {DeadLetter} */ one) => one.id} isStale=${letters.isStale} />
            <${Pager} cursors=${cursors} next=${next} />
          </div>
          ${letter !== undefined && html`<${Letter} key=${letter.id} letter=${letter} onReplayed=${letters.refresh} />`}
          ${letter === undefined && id === undefined && html`<p class="nothing">Choose one to see why it is here, what it holds, and to send it again.</p>`}
          ${letter === undefined && id !== undefined && html`<${OtherLetter} key=${id} id=${id} onReplayed=${letters.refresh} />`}
        </div>
      `
    })}
  `
}

/** One that is not on this page of the list. @param {{ id: string, onReplayed: () => void }} props */
function OtherLetter({ id, onReplayed }) {
  const found = useDeadLetter(id)
  if (found.data === undefined && found.error instanceof Problem && (found.error.status === 404 || found.error.status === 400)) return html`<p class="nothing">There is no dead letter ${id}: it never was, or is older than 30 days.</p>`
  const refresh = () => {
    found.refresh()
    onReplayed()
  }
  return shownOf(found, 'The dead letter', (letter) => html`<${Letter} letter=${letter} onReplayed=${refresh} />`)
}

/** @param {string | undefined} chosen @returns {readonly import('../parts/table.js').Column<DeadLetter>[]} */
function columnsOf(chosen) {
  return [
    { name: 'Time', isHeader: true, cell: ({ id, timestamp }) => html`<a href=${`/dead-letters?id=${id}`} aria-current=${id === chosen ? 'true' : undefined}>${dateTime(timestamp).slice(5, 19)}</a>` },
    { name: 'Trade', className: 'short', cell: ({ trade_id: trade }) => (trade === null ? html`<i>none</i>` : trade === '' ? html`<i>empty</i>` : html`<span class="id" title=${trade}>${trade}</span>`) },
    { name: 'Why', className: 'prose', cell: ({ error }) => error.message ?? error.exception ?? 'It does not say.' },
    { name: 'Replayed', isNumber: true, cell: ({ replays }) => (replays.length === 0 ? '' : `${replays.length}×`) },
  ]
}

/** @param {{ letter: DeadLetter, onReplayed: () => void }} props */
function Letter({ letter, onReplayed }) {
  const { id, timestamp, trade_id: tradeId, error, headers, replays } = letter
  const value = letter.value_base64 === null ? undefined : fromBase64(letter.value_base64)
  const key = letter.key_base64 === null ? undefined : fromBase64(letter.key_base64)
  return html`
    <article class="letter" aria-labelledby="letter">
      <p class="crumb narrow"><a href="/dead-letters">All dead letters</a></p>
      <h2 id="letter">${dateTime(timestamp)} <span class="id">${id}</span></h2>
      <p class="note bad">${error.message ?? 'It does not say why.'}</p>
      <dl class="facts">
        <div><dt>Trade</dt><dd>${tradeId === null ? 'none' : tradeId === '' ? html`<i>empty</i>` : html`<a class="id" href=${tradePath(tradeId)}>${tradeId}</a>`}</dd></div>
        <div><dt>Came from</dt><dd>${error.topic ?? '–'}, partition ${error.partition ?? '–'}, offset ${count(error.offset)}</dd></div>
        <div><dt>Exception</dt><dd class="id">${error.exception ?? '–'}</dd></div>
        <div><dt>Key</dt><dd class="id">${key === undefined ? 'null' : keyText(key)}</dd></div>
      </dl>
      <${Value} value=${value} text=${letter.value_text} isDropped=${letter.dropped.includes('value')} />
      ${
        headers.length > 0 &&
        html`<details><summary>${count(headers.length)} headers</summary><dl class="facts">${headers.map(({ key: name, value: text }) => html`<div><dt class="id">${name}</dt><dd class="id">${text ?? 'null'}</dd></div>`)}</dl></details>`
      }
      <section aria-labelledby="replays">
        <h3 id="replays">Sent again</h3>
        ${replays.length === 0 ? html`<p class="nothing">Not yet.</p>` : html`<ul class="replays">${replays.map(({ at, by, edited }) => html`<li><time datetime=${at}>${dateTime(at)}</time> by ${by}, ${edited ? 'edited' : 'as it was'}</li>`)}</ul>`}
      </section>
      ${
        !letter.replayable
          ? html`<p class="note"><strong>It cannot be sent again from here.</strong> A sink refused it: its topic belongs to the processor. Send a trade that the database takes; the row follows.</p>`
          : html`<${Replay} letter=${letter} value=${value} onReplayed=${onReplayed} />`
      }
    </article>
  `
}

/** @param {Uint8Array} key */
function keyText(key) {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(key)
  } catch {
    return toHex(key)
  }
}

/** @param {{ value: Uint8Array | undefined, text: string | null, isDropped: boolean }} props */
function Value({ value, text, isDropped }) {
  const [isHex, setHex] = useState(text === null)
  if (value === undefined) return html`<p class="nothing">${isDropped ? 'Its value did not fit and was left out.' : 'Its value is null: it was to delete the trade.'}</p>`
  return html`
    <div class="raw">
      <div class="raw-head">
        <h3>Value <span>${bytes(value.length)}${text === null ? ', not UTF-8' : ''}</span></h3>
        <div class="switch" role="group" aria-label="Show the value as">
          <button type="button" aria-pressed=${!isHex} disabled=${text === null} onClick=${() => setHex(false)}>Text</button>
          <button type="button" aria-pressed=${isHex} onClick=${() => setHex(true)}>Hex</button>
        </div>
      </div>
      ${
        isHex || text === null
          ? html`<pre class="hex" tabindex="0" role="region" aria-label="Value as hex">${hexRows(value).map(({ offset, hex, text: characters }) => html`<span class="offset">${offset}</span>  ${hex.padEnd(48)}  <span class="characters">${characters}</span>${'\n'}`)}</pre>`
          : html`<pre tabindex="0" role="region" aria-label="Value as text">${text}</pre>`
      }
    </div>
  `
}

/** @param {{ letter: DeadLetter, value: Uint8Array | undefined, onReplayed: () => void }} props */
function Replay({ letter, value, onReplayed }) {
  const isDropped = letter.dropped.includes('value')
  const isText = letter.value_text !== null || isDropped
  const original = isText ? (letter.value_text ?? '') : value === undefined ? '' : toHex(value)
  const [edited, setEdited] = useState(original)
  const [isAsked, setAsked] = useState(false)
  const [sentBefore, setSentBefore] = useState(/** @type {string | undefined} */ (undefined))
  const [failure, setFailure] = useState(/** @type {string | undefined} */ (undefined))
  // Pressed again after a failure it is the same request: it must not write the record twice.
  const attempt = useRef(/** @type {{ value: string, key: string } | undefined} */ (undefined))
  const journey = useJourney()
  const isEdited = edited !== original
  const written = isText ? edited : fromHex(edited)
  const fault = typeof written === 'object' && 'fault' in written ? written.fault : undefined

  const replay = async (isAgain = false) => {
    setAsked(false)
    setSentBefore(undefined)
    setFailure(undefined)
    const startMs = performance.now()
    const change = !isEdited ? {} : typeof written === 'string' ? { value_text: written } : written instanceof Uint8Array ? { value_base64: toBase64(written) } : {}
    if (attempt.current?.value !== edited) attempt.current = { value: edited, key: crypto.randomUUID() }
    try {
      const { body } = await send('POST', `/dead-letters/${encodeURIComponent(letter.id)}/replay`, { ...change, ...(isAgain && { again: true }), confirm: true }, { headers: { 'idempotency-key': attempt.current.key } })
      attempt.current = undefined
      const { request_id: requestId } = /** @type {{ request_id: string }} */ (body)
      journey.follow({ requestId, tradeId: letter.trade_id ?? '', version: undefined, startMs })
      onReplayed()
    } catch (error) {
      if (error instanceof Problem && error.body.type === 'urn:tradewind:problem:replayed-before') {
        setSentBefore(error.message)
        onReplayed()
      } else setFailure(error instanceof Problem ? error.message : `${/** @type {Error} */ (error).message} Whether it was written is not known. Press again: it is the same request, and processed once.`)
    }
  }
  return html`
    <section aria-labelledby="replay" class="replay">
      <h3 id="replay">Send it again</h3>
      ${
        (value !== undefined || isDropped) &&
        html`
          <${Field} name="value" label=${isText ? 'Value to send' : 'Value to send, as hex'} hint=${isEdited ? 'Edited.' : isDropped ? 'What it held is not here: give the value that is to be written.' : 'As it was. Mend it here.'} fault=${fault}>
            ${(/** @type {Record<string, unknown>} */ own) => html`<textarea ...${own} class="code" rows="7" spellcheck="false" value=${edited} onInput=${(/** @type {InputEvent} */ event) => setEdited(valueOf(event))}></textarea>`}
          <//>
        `
      }
      ${failure !== undefined && html`<p class="note bad" role="alert">${failure}</p>`}
      <div class="actions">
        <button type="button" class="primary" disabled=${fault !== undefined || (isDropped && !isEdited)} onClick=${() => setAsked(true)}>Replay …</button>
        ${isEdited && html`<button type="button" onClick=${() => setEdited(original)}>Undo the edit</button>`}
      </div>
      ${journey.state !== undefined && html`<${Journey} journey=${journey.state} />`}
      ${
        sentBefore !== undefined &&
        html`
          <${Dialog} title="Write it once more?" onClose=${() => setSentBefore(undefined)}>
            <p>Nothing was written: ${sentBefore}.</p>
            <div class="actions">
              <button type="button" onClick=${() => setSentBefore(undefined)}>Leave it</button>
              <button type="button" class="danger" onClick=${() => void replay(true)}>Write it once more</button>
            </div>
          <//>
        `
      }
      ${
        isAsked &&
        html`
          <${Dialog} title="Write this record again?" onClose=${() => setAsked(false)}>
            <p>It goes to <strong>${letter.error.topic ?? 'the topic that it came from'}</strong>, ${isEdited ? html`with an <strong>edited</strong> value` : 'with its value as it was'}, and is judged like any other record. That you did it is recorded.</p>
            ${isEdited && html`<pre class="preview" tabindex="0" role="region" aria-label="Edited value">${edited}</pre>`}
            <div class="actions">
              <button type="button" onClick=${() => setAsked(false)}>Cancel</button>
              <button type="button" class="primary" onClick=${() => void replay()}>Replay</button>
            </div>
          <//>
        `
      }
    </section>
  `
}
