import htm from 'htm'
import { h } from 'preact'

/** Its types describe the build for Node, whose default export is a module; in the browser it is the function. */
const { bind } = /** @type {{ bind: (create: typeof h) => (strings: TemplateStringsArray, ...values: unknown[]) => import('preact').VNode }} */ (/** @type {unknown} */ (htm))

/** Markup as tagged templates: no build step. */
export const html = bind.call(htm, h)
