import { useEffect, useRef } from 'preact/hooks'
import { html } from '../html.js'

/**
 * A question before something is done. The browser keeps the focus in it, and Escape closes it.
 * @param {{ title: string, onClose: () => void, children?: unknown }} props
 */
export function Dialog({ title, onClose, children }) {
  const element = useRef(/** @type {HTMLDialogElement | null} */ (null))
  useEffect(() => {
    const dialog = element.current
    dialog?.showModal()
    return () => dialog?.close()
  }, [])
  return html`
    <dialog ref=${element} aria-labelledby="dialog-title" onCancel=${onClose} onClose=${onClose}>
      <h2 id="dialog-title">${title}</h2>
      ${children}
    </dialog>
  `
}
