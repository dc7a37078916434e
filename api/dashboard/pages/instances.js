import { useInstances } from '../calls.js'
import { bytes, clockTime, count, dateTime, duration, rate, shortName, things } from '../format.js'
import { html } from '../html.js'
import { byNumber, movesOf } from '../moves.js'
import { Mark } from '../parts/outcome.js'
import { Empty, shownOf } from '../parts/states.js'
import { useNow } from '../poll.js'

/** @typedef {import('../answers.ts').Instance} Instance */
/** @typedef {import('../answers.ts').InstanceTask} InstanceTask */
/** @typedef {import('../answers.ts').Rebalance} Rebalance */

/** Who has which task, how far it is restored, and what moved when. */
export function Instances() {
  const answer = useInstances()
  const nowMs = useNow()
  return html`
    <h1>Instances</h1>
    ${shownOf(
      answer,
      'The instances',
      ({ instances, rebalances }) => html`
        ${instances.length === 0 && html`<${Empty} title="No instance is there"><p>None has joined its group, or Kafka cannot be asked. <a href="/groups">See the groups</a></p><//>`}
        ${instances.map((instance) => html`<${InstanceView} key=${`${instance.role} ${instance.instance_id}`} instance=${instance} nowMs=${nowMs} />`)}
        <section aria-labelledby="rebalances">
          <h2 id="rebalances">Rebalances <span>what this gateway has seen, the newest first</span></h2>
          ${rebalances.length === 0 ? html`<p class="nothing">None since the gateway started.</p>` : html`<${Rebalances} rebalances=${rebalances} />`}
        </section>
      `,
    )}
  `
}

/** @param {{ instance: Instance, nowMs: number }} props */
function InstanceView({ instance, nowMs }) {
  const { instance_id: id, role, address, reachable, error, state, started_at: startedAt, rss_bytes: rss, cpu_seconds: cpu, tasks } = instance
  const restoring = tasks.filter(isRestoring).length
  return html`
    <section aria-labelledby=${`instance-${role}-${id}`} class="group">
      <div class="group-head">
        <h2 id=${`instance-${role}-${id}`}><span class="name" title=${id}>${shortName(id)}</span> <span>${role}</span></h2>
        <dl class="inline">
          <div><dt>State</dt><dd><${Mark} level=${reachable ? (restoring > 0 || state === 'paused' || state === 'retrying' ? 'warn' : 'good') : 'bad'}>${reachable ? (restoring > 0 ? `restoring ${restoring} of ${tasks.length}` : (state ?? 'running')) : 'not reached'}<//></dd></div>
          <div><dt>Up for</dt><dd>${startedAt === null ? '–' : duration((nowMs - Date.parse(startedAt)) / 1_000)}</dd></div>
          <div><dt>Memory</dt><dd>${bytes(rss)}</dd></div>
          <div><dt>CPU time</dt><dd>${duration(cpu)}</dd></div>
          ${address !== null && html`<div><dt>Address</dt><dd class="id">${address}</dd></div>`}
        </dl>
      </div>
      ${error !== undefined && html`<p class="note bad">${error}</p>`}
      ${tasks.length === 0 ? html`<p class="nothing">${!reachable ? 'What it had, others have or will have.' : role === 'processor' ? 'It has no task.' : html`<a href="/sinks">What it writes, and how fast</a>`}</p>` : html`<ul class="tasks">${tasks.toSorted((a, b) => byNumber(a.task, b.task)).map((task) => html`<${TaskView} key=${task.task} task=${task} />`)}</ul>`}
    </section>
  `
}

/** @param {{ task: InstanceTask }} props */
function TaskView({ task }) {
  const entries = task.stores.reduce((sum, store) => sum + store.entries, 0)
  const size = task.stores.reduce((sum, store) => sum + store.size_bytes, 0)
  return html`
    <li class="task" data-state=${isRestoring(task) ? 'restoring' : task.state}>
      <p><strong>${task.task}</strong> <span>${task.state}</span></p>
      <p>${isRestoring(task) ? (task.restore_remaining === null ? '' : `${things(task.restore_remaining, 'record')} to go`) : `${rate(task.records_per_second)} /s`}</p>
      ${task.stores.length > 0 && html`<p class="origin">${things(entries, 'entry', 'entries')}</p><p class="origin">${bytes(size)}</p>`}
      ${task.stores.length === 0 && task.committed_offset !== null && html`<p class="origin">at ${count(task.committed_offset)}</p>`}
    </li>
  `
}

/** @param {InstanceTask} task */
function isRestoring({ state }) {
  return /restor/i.test(state)
}

/** @param {{ rebalances: readonly Rebalance[] }} props */
function Rebalances({ rebalances }) {
  return html`
    <ol class="timeline rebalances">
      ${rebalances.map((rebalance, n) => {
        const before = rebalances.slice(n + 1).find(({ group }) => group === rebalance.group)
        const moves = movesOf(before, rebalance)
        return html`
          <li key=${`${rebalance.group} ${rebalance.generation} ${rebalance.at}`}>
            <p class="event-head"><time datetime=${rebalance.at} title=${dateTime(rebalance.at)}>${clockTime(rebalance.at)}</time><strong>${rebalance.group}</strong>${rebalance.generation !== null && html`<span>generation ${rebalance.generation}</span>`}</p>
            ${moves.map(({ what, from, to }) => html`<p class="move">${what.join(', ')} <span>${shortName(from ?? 'nobody')} → ${shortName(to ?? 'nobody')}</span></p>`)}
            ${moves.length === 0 && html`<p class="origin">${before === undefined ? '' : 'Nothing moved. '}${ownersText(rebalance)}</p>`}
          </li>
        `
      })}
    </ol>
  `
}

/** @param {Rebalance} rebalance */
function ownersText({ owners }) {
  const all = Object.entries(owners)
  return all.length === 0 ? 'It has no members.' : all.map(([owner, tasks]) => `${shortName(owner)} has ${tasks.length}`).join(', ')
}
