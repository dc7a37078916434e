import { useRef } from 'preact/hooks'
import { useGroups, useHistory } from '../calls.js'
import { count, duration } from '../format.js'
import { html } from '../html.js'
import { InstanceName, Mark } from '../parts/outcome.js'
import { Sparkline } from '../parts/sparkline.js'
import { Empty, shownOf } from '../parts/states.js'
import { Table } from '../parts/table.js'
import { directionOf, lagsOf, Trends } from '../trend.js'

/** @typedef {import('../answers.ts').Group} Group */
/** @typedef {import('../answers.ts').GroupPartition} GroupPartition */

const ROLES = /** @type {Readonly<Record<string, string>>} */ ({ processor: 'Processor', 'sink-postgres': 'PostgreSQL sink', 'sink-mongo': 'MongoDB sink' })

/** What waits, for whom, and since when: the furthest behind first. */
export function Groups() {
  const trends = useRef(new Trends())
  const groups = useGroups(({ groups: all }) => {
    for (const group of all) {
      trends.current.add(group.group, group.lag)
      for (const partition of group.partitions) trends.current.add(nameOf(group, partition), partition.lag)
    }
  })
  const history = useHistory().data?.samples
  return html`
    <h1>Groups and lag</h1>
    ${shownOf(groups, 'The groups', ({ groups: all }) =>
      all.length === 0
        ? html`<${Empty} title="No consumer group is there yet"><p>They come with the first processor and the first sink that join.</p><//>`
        : all.toSorted((a, b) => b.lag - a.lag).map((group) => html`<${GroupView} key=${group.group} group=${group} trends=${trends.current} before=${lagsOf(group.group, history)} isStale=${groups.isStale} />`),
    )}
  `
}

/** @param {{ group: Group, trends: Trends, before: readonly number[], isStale: boolean }} props */
function GroupView({ group, trends, before, isStale }) {
  const id = `group-${group.group}`
  return html`
    <section aria-labelledby=${id} class="group">
      <div class="group-head">
        <h2 id=${id}>${group.group} <span>${ROLES[group.role] ?? group.role}</span></h2>
        <dl class="inline">
          <div><dt>State</dt><dd><${Mark} level=${levelOf(group.state)}>${group.state}<//></dd></div>
          <div><dt>Members</dt><dd>${group.members.length}</dd></div>
          <div><dt>Lag</dt><dd class="strong">${count(group.lag)}</dd></div>
          <div><dt>in time</dt><dd>${duration(group.lag_seconds)}</dd></div>
          <div><dt>Trend</dt><dd><${Trend} values=${before.length > 1 ? before : trends.of(group.group)} /></dd></div>
        </dl>
      </div>
      ${
        group.partitions.length === 0
          ? html`<p class="nothing">It has read nothing yet.</p>`
          : html`
              <${Table}
                caption=${`Partitions of ${group.group}`}
                columns=${columnsOf(group, trends)}
                rows=${group.partitions}
                keyOf=${(/** @type {GroupPartition} */ { topic, partition }) => `${topic} ${partition}`}
                sorted=${{ by: 'Lag', isDescending: true }}
                isStale=${isStale}
              />
            `
      }
    </section>
  `
}

/** @param {Group} group @param {Trends} trends @returns {readonly import('../parts/table.js').Column<GroupPartition>[]} */
function columnsOf(group, trends) {
  return [
    { name: 'Partition', isHeader: true, sortBy: ({ topic, partition }) => `${topic} ${partition}`, cell: ({ topic, partition }) => html`${topic} <b>${partition}</b>` },
    { name: 'Committed', isNumber: true, isMinor: true, sortBy: ({ committed_offset: offset }) => offset ?? -1, cell: ({ committed_offset: offset }) => count(offset) },
    { name: 'End', isNumber: true, isMinor: true, sortBy: ({ end_offset: offset }) => offset, cell: ({ end_offset: offset }) => count(offset) },
    { name: 'Lag', isNumber: true, sortBy: ({ lag }) => lag, cell: ({ lag }) => html`<b data-heat=${heatOf(lag)}>${count(lag)}</b>` },
    { name: 'in time', isNumber: true, sortBy: ({ lag_seconds: seconds }) => seconds ?? -1, cell: ({ lag_seconds: seconds }) => duration(seconds) },
    { name: 'Trend', className: 'wide-trend', cell: (partition) => html`<${Trend} values=${trends.of(nameOf(group, partition))} />` },
    { name: 'Owner', className: 'wide-owner', sortBy: ({ owner }) => owner ?? '', cell: ({ owner }) => (owner === null ? html`<${Mark} level="warn">nobody<//>` : html`<${InstanceName} of=${owner} />`) },
  ]
}

/** @param {{ values: readonly number[] }} props */
function Trend({ values }) {
  if (values.length < 2) return html`<span class="trend">–</span>`
  const direction = directionOf(values)
  return html`<span class="trend" data-direction=${direction}><${Sparkline} values=${values} />${direction}</span>`
}

/** @param {Group} group @param {GroupPartition} partition */
function nameOf(group, partition) {
  return `${group.group} ${partition.topic} ${partition.partition}`
}

/** @param {number} lag */
function heatOf(lag) {
  return lag >= 10_000 ? 'hot' : lag >= 1_000 ? 'warm' : undefined
}

/** @param {string} state @returns {'good' | 'warn' | 'bad'} */
function levelOf(state) {
  return /^(stable)$/i.test(state) ? 'good' : /^(empty|dead)$/i.test(state) ? 'bad' : 'warn'
}
