import { useState } from 'preact/hooks'
import { html } from '../html.js'

const KEY = 'tradewind-theme'
const THEMES = /** @type {const} */ ([
  ['system', 'Auto'],
  ['light', 'Light'],
  ['dark', 'Dark'],
])

/** Light, dark, or as the system has it. */
export function ThemeSwitch() {
  const [theme, setTheme] = useState(document.documentElement.dataset['theme'] ?? 'system')
  /** @param {string} chosen */
  const choose = (chosen) => {
    document.documentElement.dataset['theme'] = chosen
    if (chosen === 'system') localStorage.removeItem(KEY)
    else localStorage.setItem(KEY, chosen)
    setTheme(chosen)
  }
  return html`
    <fieldset class="theme">
      <legend>Theme</legend>
      ${THEMES.map(([value, label]) => html`<label><input type="radio" name="theme" value=${value} checked=${theme === value} onChange=${() => choose(value)} /><span>${label}</span></label>`)}
    </fieldset>
  `
}

/** Tells when the colours of the page have changed, by choice or by the system. @param {() => void} listener @returns {() => void} to stop */
export function onThemeChange(listener) {
  const system = matchMedia('(prefers-color-scheme: dark)')
  const chosen = new MutationObserver(listener)
  chosen.observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme'] })
  system.addEventListener('change', listener)
  return () => {
    chosen.disconnect()
    system.removeEventListener('change', listener)
  }
}
