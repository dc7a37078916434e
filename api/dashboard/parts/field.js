import { html } from '../html.js'

/**
 * A field with its label, what it expects, and what is wrong with it.
 * @param {{ name: string, label: string, hint?: string, fault?: string | undefined, children: (attributes: Record<string, unknown>) => unknown }} props
 */
export function Field({ name, label, hint, fault, children }) {
  const id = `field-${name}`
  const described = [hint !== undefined && `${id}-hint`, fault !== undefined && `${id}-fault`].filter(Boolean).join(' ')
  return html`
    <div class="field">
      <label for=${id}>${label}</label>
      ${children({ id, name, 'aria-describedby': described === '' ? undefined : described, 'aria-invalid': fault === undefined ? undefined : 'true' })}
      ${hint !== undefined && html`<p class="hint" id=${`${id}-hint`}>${hint}</p>`}
      ${fault !== undefined && html`<p class="fault" id=${`${id}-fault`}>${fault}</p>`}
    </div>
  `
}

/**
 * @param {{ name: string, label: string, hint?: string, fault?: string | undefined, value: string, onInput: (value: string) => void, [attribute: string]: unknown }} props
 */
export function TextField({ name, label, hint, fault, value, onInput, ...attributes }) {
  return html`
    <${Field} name=${name} label=${label} hint=${hint} fault=${fault}>
      ${(/** @type {Record<string, unknown>} */ own) => html`<input type="text" autocomplete="off" spellcheck="false" ...${attributes} ...${own} value=${value} onInput=${(/** @type {InputEvent} */ event) => onInput(valueOf(event))} />`}
    <//>
  `
}

/**
 * @param {{ name: string, label: string, hint?: string, value: string, options: readonly (readonly [value: string, text: string])[], onInput: (value: string) => void }} props
 */
export function Choice({ name, label, hint, value, options, onInput }) {
  return html`
    <${Field} name=${name} label=${label} hint=${hint}>
      ${(/** @type {Record<string, unknown>} */ own) => html`
        <select ...${own} value=${value} onInput=${(/** @type {InputEvent} */ event) => onInput(valueOf(event))}>
          ${options.map(([option, text]) => html`<option value=${option} selected=${option === value}>${text}</option>`)}
        </select>
      `}
    <//>
  `
}

/** @param {Event} event */
export function valueOf(event) {
  return /** @type {HTMLInputElement} */ (event.currentTarget).value
}
