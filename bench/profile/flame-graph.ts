import type { Call } from './cpu-profile.ts'

const WIDTH = 1200
const ROW = 17
const TOP = 30
/** Narrower ones would be a hair. */
const LEAST_SHARE = 0.0006
/** Of a character of the font that is used. */
const CHARACTER = 6.6

interface Bar {
  readonly name: string
  readonly file: string
  us: number
  readonly parts: Map<string, Bar>
}

/** A picture of where the time went: width is time, what calls stands below what is called. Idle time is left out. */
export function flameGraph(title: string, tree: Call): string {
  const all = barOf(tree)
  const depth = depthOf(all, all.us)
  const height = TOP + depth * ROW + 8
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}">
<style>
  text { font: 11px ui-monospace, monospace; fill: #1f2328; pointer-events: none } .title { font: 600 14px system-ui, sans-serif } rect { stroke: #ffffff; stroke-width: 0.5 }
  .processors { fill: #f2b872 } .records, .serdes { fill: #f6d98b } .stores { fill: #9fc8a4 } .kafka { fill: #9dc3e6 } .engine { fill: #c9b6e4 } .node, .other { fill: #d8dee4 }
</style>
<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>
<text x="8" y="19" class="title">${escape(title)}: ${(all.us / 1e6).toFixed(1)} s of work</text>
${drawn(all, { x: 0, level: 0, total: all.us, height }).join('\n')}
</svg>
`
}

/** Calls of the same function from the same one are one bar; what takes no time is left out. */
function barOf(call: Call): Bar {
  const bar: Bar = { name: call.name, file: call.file, us: call.name === '(idle)' ? 0 : call.selfUs, parts: new Map() }
  for (const child of call.calls) add(bar, barOf(child))
  return bar
}

function add(bar: Bar, part: Bar): void {
  if (part.us === 0) return
  bar.us += part.us
  const key = `${part.name} ${part.file}`
  const same = bar.parts.get(key)
  if (same === undefined) bar.parts.set(key, part)
  else {
    same.us += [...part.parts.values()].reduce((left, { us }) => left - us, part.us)
    for (const inner of part.parts.values()) add(same, inner)
  }
}

function depthOf(bar: Bar, total: number): number {
  return 1 + Math.max(0, ...[...bar.parts.values()].filter(({ us }) => us / total >= LEAST_SHARE).map((part) => depthOf(part, total)))
}

function drawn(bar: Bar, at: { x: number; level: number; total: number; height: number }): string[] {
  const width = (bar.us / at.total) * WIDTH
  const y = at.height - 8 - (at.level + 1) * ROW
  const label = bar.name.slice(0, Math.max(0, Math.floor((width - 4) / CHARACTER)))
  const share = ((100 * bar.us) / at.total).toFixed(1)
  const lines = [
    `<g><title>${escape(`${bar.name} ${bar.file} ${share} %`)}</title><rect x="${at.x.toFixed(1)}" y="${y}" width="${width.toFixed(1)}" height="${ROW - 1}" class="${colourOf(bar.file)}"/>${label.length > 2 ? `<text x="${(at.x + 3).toFixed(1)}" y="${y + 12}">${escape(label)}</text>` : ''}</g>`,
  ]
  let { x } = at
  for (const part of [...bar.parts.values()].sort((a, b) => b.us - a.us)) {
    if (part.us / at.total >= LEAST_SHARE) lines.push(...drawn(part, { ...at, x, level: at.level + 1 }))
    x += (part.us / at.total) * WIDTH
  }
  return lines
}

function colourOf(file: string): string {
  const folder = file.split('/')[0] ?? ''
  if (['processors', 'records', 'serdes', 'stores', 'kafka', 'engine'].includes(folder)) return folder
  return file.startsWith('node:') ? 'node' : 'other'
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}
