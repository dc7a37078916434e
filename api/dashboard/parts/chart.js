import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import uPlot from 'uplot'
import { clockTime } from '../format.js'
import { html } from '../html.js'
import { onThemeChange } from './theme-switch.js'

/** @typedef {{ name: string, colour: string, values: readonly (number | null)[], isFilled?: boolean, isDashed?: boolean }} Series colour: a custom property; isDashed: told apart without colour too */
/** @typedef {{ title: string, times: readonly number[], series: readonly Series[], format: (value: number | null | undefined) => string, window: readonly [fromMs: number, toMs: number], height?: number }} ChartProps */

const FONT_PX = 11

/**
 * A chart over time with its legend, which shows the last values, or those under the pointer. Who cannot see it is told the range and the last values.
 * @param {ChartProps} props times: epoch ms, ascending
 */
export function Chart(props) {
  const { title, times, series, format } = props
  const [at, setAt] = useState(/** @type {number | undefined} */ (undefined))
  const box = useRef(/** @type {HTMLDivElement | null} */ (null))
  usePlot(box, props, setAt)
  const index = at === undefined || at >= times.length ? times.length - 1 : at
  const moment = times[index]
  return html`
    <figure class="chart">
      <figcaption>
        <h2>${title}</h2>
        <ul class="legend">
          ${series.map(
            ({ name, colour, values, isDashed }) => html`
              <li><i class=${isDashed ? 'dashed' : ''} style=${{ color: `var(${colour})` }} aria-hidden="true"></i>${name} <b>${format(values[index])}</b></li>
            `,
          )}
          <li class="legend-time" aria-hidden="true">${at !== undefined && moment !== undefined ? clockTime(moment) : ''}</li>
        </ul>
        <p class="unseen">${summary(props)}</p>
      </figcaption>
      <div class="plot" ref=${box} aria-hidden="true"></div>
    </figure>
  `
}

/** @param {ChartProps} props */
function summary({ series, format }) {
  return series
    .map(({ name, values }) => {
      const known = values.filter((value) => value !== null)
      return known.length === 0 ? `${name}: nothing known.` : `${name}: from ${format(Math.min(...known))} to ${format(Math.max(...known))} in the last 15 minutes.`
    })
    .join(' ')
}

/** @param {{ current: HTMLDivElement | null }} box @param {ChartProps} props @param {(at: number | undefined) => void} onPoint */
function usePlot(box, props, onPoint) {
  const latest = useRef(props)
  latest.current = props
  const plot = useRef(/** @type {uPlot | undefined} */ (undefined))
  const shape = JSON.stringify(props.series.map(({ name, colour }) => [name, colour]))

  useLayoutEffect(() => {
    const element = box.current
    if (element === null) return undefined
    const make = () => {
      plot.current?.destroy()
      plot.current = new uPlot(optionsOf(element, latest, onPoint), dataOf(latest.current), element)
    }
    make()
    const resized = new ResizeObserver(() => plot.current?.setSize({ width: element.clientWidth, height: latest.current.height ?? 150 }))
    resized.observe(element)
    const stopTheme = onThemeChange(make)
    return () => {
      resized.disconnect()
      stopTheme()
      plot.current?.destroy()
      plot.current = undefined
    }
  }, [shape])
  useEffect(() => plot.current?.setData(dataOf(props)), [props.times, props.series])
}

/** @param {ChartProps} props @returns {uPlot.AlignedData} */
function dataOf({ times, series }) {
  // uPlot only reads them.
  return /** @type {uPlot.AlignedData} */ (/** @type {unknown} */ ([times.map((time) => time / 1_000), ...series.map(({ values }) => values)]))
}

/**
 * @param {HTMLElement} element
 * @param {{ current: ChartProps }} latest
 * @param {(at: number | undefined) => void} onPoint
 * @returns {uPlot.Options}
 */
function optionsOf(element, latest, onPoint) {
  const colour = coloursOf(element)
  const font = `${FONT_PX}px ${getComputedStyle(element).fontFamily}`
  const axis = { stroke: colour('--ink-3'), font, ticks: { stroke: colour('--rule'), width: 1, size: 4 } }
  return {
    width: element.clientWidth,
    height: latest.current.height ?? 150,
    padding: [8, 24, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 6 } },
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1_000), 'Etc/UTC'),
    scales: {
      x: { time: true, range: () => [latest.current.window[0] / 1_000, latest.current.window[1] / 1_000] },
      y: { range: (_plot, _min, max) => [0, niceAbove(max)] },
    },
    axes: [
      { ...axis, grid: { show: false }, size: 24, gap: 3, space: 80, values: (_plot, seconds) => seconds.map((second) => clockTime(second * 1_000).slice(0, second % 60 === 0 ? 5 : 8)) },
      { ...axis, grid: { stroke: colour('--rule'), width: 1 }, ticks: { show: false }, size: 58, gap: 6, space: 34, values: (_plot, values) => values.map((value) => latest.current.format(value)) },
    ],
    series: [
      {},
      ...latest.current.series.map(({ name, colour: property, isFilled, isDashed }) => ({
        label: name,
        stroke: colour(property),
        width: 1.5,
        points: { show: false },
        ...(isDashed && { dash: [5, 3] }),
        ...(isFilled && { fill: colour(`${property}-wash`) }),
      })),
    ],
    hooks: { setCursor: [(plot) => onPoint(plot.cursor.idx ?? undefined)] },
  }
}

/** Custom properties as the canvas wants them: resolved. @param {HTMLElement} element @returns {(property: string) => string} */
function coloursOf(element) {
  const probe = element.appendChild(document.createElement('i'))
  /** @type {Map<string, string>} */
  const known = new Map()
  const resolve = (/** @type {string} */ property) => {
    probe.style.color = `var(${property})`
    return getComputedStyle(probe).color
  }
  for (const property of ['--ink-3', '--rule', ...[1, 2, 3, 4].flatMap((n) => [`--series-${n}`, `--series-${n}-wash`])]) known.set(property, resolve(property))
  probe.remove()
  return (property) => known.get(property) ?? 'gray'
}

/** A little room above the highest value, and an axis that does not jump with each of them. @param {number | null} max */
function niceAbove(max) {
  if (max === null || max <= 0) return 1
  const step = 10 ** Math.floor(Math.log10(max)) / 2
  return Math.ceil((max * 1.05) / step) * step
}
