import { html } from '../html.js'

const WIDTH = 96
const HEIGHT = 20

/** A trend beside a number, which says what counts. @param {{ values: readonly number[] }} props */
export function Sparkline({ values }) {
  if (values.length < 2) return null
  const max = Math.max(1, ...values)
  const points = values.map((value, n) => `${((n / (values.length - 1)) * WIDTH).toFixed(1)},${(HEIGHT - 1 - (value / max) * (HEIGHT - 2)).toFixed(1)}`)
  return html`<svg class="sparkline" viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} width=${WIDTH} height=${HEIGHT} aria-hidden="true"><polyline points=${points.join(' ')} /></svg>`
}
