import { useMemo, useState } from 'preact/hooks'
import { useHistory, useInstances, useTopology } from '../calls.js'
import { flowTo } from '../flows.js'
import { bytes, count, duration, rate } from '../format.js'
import { html } from '../html.js'
import { layered } from '../layered-graph.js'
import { byNumber } from '../moves.js'
import { InstanceName } from '../parts/outcome.js'
import { Empty, shownOf } from '../parts/states.js'
import { Table } from '../parts/table.js'

/** @typedef {import('../answers.ts').TopologyAnswer} TopologyAnswer */
/** @typedef {import('../answers.ts').TopologyNode} TopologyNode */
/** @typedef {TopologyNode & { topic: string | undefined, lag: number | undefined }} Box topic: of a source or sink */

const BOX = { width: 208, height: 62, across: 92, down: 22 }
/** Work that waits, in seconds at the present rate. */
const WARM_S = 1
const HOT_S = 10

/** What flows where, how fast, and before which node it piles up. */
export function Topology() {
  const topology = useTopology()
  const outcomes = useHistory().data?.samples.at(-1)?.outcomes_per_second
  const [chosen, choose] = useState(/** @type {string | undefined} */ (undefined))
  return html`
    <h1>Topology</h1>
    ${shownOf(topology, 'The topology', (answer) =>
      answer.sub_topologies.length === 0
        ? html`<${Empty} title="No topology is known yet"><p>The processor tells it when it starts.</p><//>`
        : html`
            <${Key} />
            ${answer.sub_topologies.map(({ id, nodes }) => html`<${Graph} key=${id} nodes=${boxesOf(nodes, answer, outcomes)} chosen=${chosen} choose=${choose} />`)}
            <${Details} answer=${answer} node=${answer.sub_topologies.flatMap(({ nodes }) => boxesOf(nodes, answer, outcomes)).find(({ name }) => name === chosen)} />
          `,
    )}
  `
}

function Key() {
  return html`
    <ul class="key" aria-label="Backlog">
      <li data-heat="calm">no backlog</li>
      <li data-heat="warm">more than ${WARM_S} s of work waits for its readers</li>
      <li data-heat="hot">more than ${HOT_S} s</li>
    </ul>
  `
}

/** @param {readonly TopologyNode[]} nodes @param {TopologyAnswer} answer @param {Readonly<Record<string, number>> | undefined} outcomes @returns {readonly Box[]} */
function boxesOf(nodes, { lag }, outcomes) {
  return nodes
    .filter(({ type }) => type !== 'store')
    .map((node) => {
      const topic = node.type === 'processor' ? undefined : node.topics[0]
      const perSecond = node.records_per_second ?? (node.type === 'sink' && topic !== undefined ? flowTo(topic, outcomes) : null)
      return { ...node, topic, records_per_second: perSecond, lag: node.topics.some((one) => one in lag) ? node.topics.reduce((sum, one) => sum + (lag[one] ?? 0), 0) : undefined }
    })
}

/** @param {Box} box */
function heatOf({ lag, records_per_second: perSecond }) {
  if (lag === undefined || lag === 0) return 'calm'
  const seconds = perSecond !== null && perSecond > 0 ? lag / perSecond : HOT_S
  return seconds >= HOT_S ? 'hot' : seconds >= WARM_S ? 'warm' : 'calm'
}

/** @param {{ nodes: readonly Box[], chosen: string | undefined, choose: (name: string | undefined) => void }} props */
function Graph({ nodes, chosen, choose }) {
  const shape = JSON.stringify(nodes.map(({ name, successors }) => [name, successors]))
  const { places, layers, rows } = useMemo(() => layered(nodes), [shape])
  const width = layers * BOX.width + (layers - 1) * BOX.across
  const height = rows * BOX.height + (rows - 1) * BOX.down
  /** @param {string} name */
  const corner = (name) => {
    const { layer = 0, row = 0 } = places.get(name) ?? {}
    return { x: layer * (BOX.width + BOX.across), y: row * (BOX.height + BOX.down) }
  }
  const most = Math.max(1, ...nodes.map(({ records_per_second: perSecond }) => perSecond ?? 0))
  return html`
    <div class="graph" tabindex="0" role="region" aria-label="Graph of the topology">
      <div class="canvas" style=${{ width: `${width}px`, height: `${height}px` }}>
        <svg width=${width} height=${height} viewBox=${`0 0 ${width} ${height}`} aria-hidden="true">
          ${nodes.flatMap(({ name, successors }) =>
            successors
              .filter((next) => places.has(next))
              .map((next) => {
                const [from, to] = [corner(name), corner(next)]
                const [x1, y1, x2, y2] = [from.x + BOX.width, from.y + BOX.height / 2, to.x, to.y + BOX.height / 2]
                const perSecond = nodes.find((node) => node.name === next)?.records_per_second ?? 0
                return html`<path class=${perSecond > 0 ? 'flows' : ''} d=${`M${x1},${y1} C${x1 + BOX.across / 2},${y1} ${x2 - BOX.across / 2},${y2} ${x2},${y2}`} style=${{ strokeWidth: `${(1 + (perSecond / most) * 2.5).toFixed(2)}px` }} />`
              }),
          )}
        </svg>
        <ul>
          ${nodes.map((node) => {
            const { x, y } = corner(node.name)
            return html`
              <li key=${node.name} style=${{ left: `${x}px`, top: `${y}px`, width: `${BOX.width}px`, height: `${BOX.height}px` }}>
                <button type="button" class="node" data-type=${node.type} data-heat=${heatOf(node)} aria-pressed=${node.name === chosen} onClick=${() => choose(node.name === chosen ? undefined : node.name)}>
                  <span class="node-name">${node.topic ?? node.name}</span>
                  <span class="node-rate">${node.records_per_second === null ? 'rate not known' : html`<b>${rate(node.records_per_second)}</b> /s`}${node.lag !== undefined && node.lag > 0 ? html` · <b>${count(node.lag)}</b> wait` : ''}${node.type === 'processor' && node.stores.length > 0 ? ` · ${node.stores.length} stores` : ''}</span>
                </button>
              </li>
            `
          })}
        </ul>
      </div>
    </div>
  `
}

/** @param {{ answer: TopologyAnswer, node: Box | undefined }} props */
function Details({ answer, node }) {
  return html`
    <div class="node-details">
      ${node === undefined ? html`<${Stores} stores=${answer.stores} title="Stores" /><p class="nothing">Choose a node for its counts, stores and tasks.</p>` : html`<${NodeDetails} node=${node} answer=${answer} />`}
    </div>
  `
}

/** @param {{ node: Box, answer: TopologyAnswer }} props */
function NodeDetails({ node, answer }) {
  const lag = node.topics.reduce((sum, topic) => sum + (answer.lag[topic] ?? 0), 0)
  const stores = answer.stores.filter(({ name }) => node.stores.includes(name))
  return html`
    <section aria-labelledby="node">
      <h2 id="node">${node.name} <span>${node.type}</span></h2>
      <dl class="inline">
        <div><dt>Records a second</dt><dd class="strong">${rate(node.records_per_second)}</dd></div>
        <div><dt>Records in all</dt><dd>${count(node.records_total)}</dd></div>
        ${node.topics.length > 0 && html`<div><dt>Topic</dt><dd class="id">${node.topics.join(', ')}</dd></div>`}
        ${node.topics.some((topic) => topic in answer.lag) && html`<div><dt>Waiting</dt><dd>${count(lag)}${node.records_per_second !== null && node.records_per_second > 0 && lag > 0 ? `, about ${duration(lag / node.records_per_second)}` : ''}</dd></div>`}
      </dl>
      ${stores.length > 0 && html`<${Stores} stores=${stores} title="Its stores" />`}
      ${node.type === 'processor' && html`<${Tasks} />`}
    </section>
  `
}

/** @param {{ stores: TopologyAnswer['stores'], title: string }} props */
function Stores({ stores, title }) {
  if (stores.length === 0) return null
  return html`
    <h2>${title}</h2>
    <${Table}
      caption=${title}
      columns=${/** @type {import('../parts/table.js').Column<TopologyAnswer['stores'][number]>[]} */ ([
        { name: 'Store', isHeader: true, cell: ({ name }) => html`<span class="id">${name}</span>` },
        { name: 'Entries', isNumber: true, cell: ({ entries }) => count(entries) },
        { name: 'Size', isNumber: true, cell: ({ size_bytes: size }) => bytes(size) },
        { name: 'Tasks', isNumber: true, cell: ({ tasks }) => count(tasks) },
      ])}
      rows=${stores}
      keyOf=${(/** @type {{ name: string }} */ { name }) => name}
    />
  `
}

/** Which task is where: asked for only while a processor is looked at. */
function Tasks() {
  const { data } = useInstances(4_000)
  const tasks = (data?.instances ?? []).flatMap((instance) => (instance.role === 'processor' ? instance.tasks.map((task) => ({ ...task, instance: instance.instance_id })) : []))
  if (tasks.length === 0) return null
  return html`
    <h2>Its tasks</h2>
    <${Table}
      caption="Tasks"
      columns=${/** @type {import('../parts/table.js').Column<typeof tasks[number]>[]} */ ([
        { name: 'Task', isHeader: true, cell: ({ task }) => task },
        { name: 'Instance', cell: ({ instance }) => html`<${InstanceName} of=${instance} />` },
        { name: 'State', cell: ({ state }) => state },
        { name: 'Records /s', isNumber: true, cell: ({ records_per_second: perSecond }) => rate(perSecond) },
        { name: 'Entries', isNumber: true, cell: ({ stores }) => count(stores.reduce((sum, { entries }) => sum + entries, 0)) },
        { name: 'Size', isNumber: true, cell: ({ stores }) => bytes(stores.reduce((sum, { size_bytes: size }) => sum + size, 0)) },
      ])}
      rows=${tasks.toSorted((a, b) => byNumber(a.task, b.task))}
      keyOf=${(/** @type {{ task: string }} */ { task }) => task}
    />
  `
}
