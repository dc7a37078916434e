import { useState } from 'preact/hooks'
import { send } from '../api.js'
import { useHistory, useSinks } from '../calls.js'
import { count, milliseconds, rate, shortName, things } from '../format.js'
import { html } from '../html.js'
import { Dialog } from '../parts/dialog.js'
import { InstanceName, Mark } from '../parts/outcome.js'
import { Sparkline } from '../parts/sparkline.js'
import { Empty, shownOf } from '../parts/states.js'
import { Table } from '../parts/table.js'
import { directionOf, lagsOf } from '../trend.js'
import { sinkLevel, sinkWord } from '../verdict.js'

/** @typedef {import('../answers.ts').Sink} Sink */
/** @typedef {import('../answers.ts').SinkInstance} SinkInstance */

/** @type {readonly import('../parts/table.js').Column<SinkInstance>[]} */
const COLUMNS = [
  { name: 'Instance', isHeader: true, cell: ({ instance_id: id }) => html`<${InstanceName} of=${id} />` },
  { name: 'State', cell: ({ reachable, paused }) => html`<${Mark} level=${reachable ? (paused ? 'warn' : 'good') : 'bad'}>${reachable ? (paused ? 'paused' : 'running') : 'not reached'}<//>` },
  { name: 'Circuit', cell: ({ circuit }) => circuit !== null && html`<${Mark} level=${circuit === 'closed' ? 'good' : circuit === 'open' ? 'bad' : 'warn'}>${circuit}<//>` },
  { name: 'Rows /s', isNumber: true, cell: ({ rows_per_second: n }) => rate(n) },
  { name: 'Rows', isNumber: true, isMinor: true, cell: ({ rows_total: n }) => count(n) },
  { name: 'Rows a batch', isNumber: true, cell: ({ batch_rows_mean: n }) => rate(n) },
  { name: 'Write, p50', isNumber: true, isMinor: true, cell: ({ write_ms: write }) => milliseconds(write?.p50) },
  { name: 'p99', isNumber: true, cell: ({ write_ms: write }) => milliseconds(write?.p99) },
  { name: 'Retries', isNumber: true, cell: ({ retries_total: n }) => count(n) },
  { name: 'Dead letters', isNumber: true, isMinor: true, cell: ({ dead_letters_total: n }) => count(n) },
]

/** How the databases take what they are given; pause and resume. */
export function Sinks() {
  const answer = useSinks()
  const history = useHistory().data?.samples
  const [asked, setAsked] = useState(/** @type {{ sink: Sink, what: 'pause' | 'resume' } | undefined} */ (undefined))
  const [told, setTold] = useState(/** @type {{ text: string, isBad: boolean } | undefined} */ (undefined))

  /** @param {Sink} sink @param {'pause' | 'resume'} what */
  const act = async ({ group }, what) => {
    setAsked(undefined)
    try {
      await send('POST', `/sinks/${encodeURIComponent(group)}/${what}`, undefined)
      setTold({ text: what === 'pause' ? `${group} is paused. What comes in waits in Kafka.` : `${group} goes on.`, isBad: false })
    } catch (error) {
      setTold({ text: `${group}: ${/** @type {Error} */ (error).message}`, isBad: true })
    }
    answer.refresh()
  }
  return html`
    <h1>Sinks</h1>
    <div role="status">${told !== undefined && html`<p class=${`note ${told.isBad ? 'bad' : ''}`}>${told.text}</p>`}</div>
    ${shownOf(answer, 'The sinks', ({ sinks }) =>
      sinks.length === 0
        ? html`<${Empty} title="No sink is there"><p>Start one with <code>tradewind sink postgres</code> or <code>tradewind sink mongo</code>.</p><//>`
        : sinks.map((sink) => html`<${SinkView} key=${sink.group} sink=${sink} lags=${[...lagsOf(sink.group, history), sink.lag]} isStale=${answer.isStale} ask=${(/** @type {'pause' | 'resume'} */ what) => (what === 'pause' ? setAsked({ sink, what }) : void act(sink, what))} />`),
    )}
    ${
      asked !== undefined &&
      html`
        <${Dialog} title=${`Pause ${asked.sink.group}?`} onClose=${() => setAsked(undefined)}>
          <p>It stops writing to its database until somebody resumes it. What comes in meanwhile waits in Kafka, so its lag grows; nothing is lost.</p>
          <div class="actions">
            <button type="button" onClick=${() => setAsked(undefined)}>Leave it running</button>
            <button type="button" class="danger" onClick=${() => void act(asked.sink, 'pause')}>Pause</button>
          </div>
        <//>
      `
    }
  `
}

/** @param {{ sink: Sink, lags: readonly number[], isStale: boolean, ask: (what: 'pause' | 'resume') => void }} props */
function SinkView({ sink, lags, isStale, ask }) {
  const { group, state, instances, lag } = sink
  const errors = instances.flatMap(({ instance_id: id, error, last_error: last }) => (error !== undefined ? [{ id, error }] : last === null ? [] : [{ id, error: last }]))
  const isResumable = instances.some(({ paused }) => paused)
  // Of a sink that does not answer it cannot be told: nothing to press then.
  const isPausable = instances.some(({ reachable, paused }) => reachable && !paused)
  return html`
    <section aria-labelledby=${`sink-${group}`} class="group">
      <div class="group-head">
        <h2 id=${`sink-${group}`}>${group} <span>${sink.role === 'sink-postgres' ? 'PostgreSQL' : sink.role === 'sink-mongo' ? 'MongoDB' : sink.role}</span></h2>
        <dl class="inline">
          <div><dt>State</dt><dd><${Mark} level=${sinkLevel(state)}>${sinkWord(state)}<//></dd></div>
          <div><dt>Lag</dt><dd class="strong">${count(lag)}</dd></div>
          <div><dt>Trend</dt><dd class="trend" data-direction=${directionOf(lags)}><${Sparkline} values=${lags} />${lags.length < 2 ? '–' : directionOf(lags)}</dd></div>
        </dl>
        ${isResumable && html`<button type="button" onClick=${() => ask('resume')}>Resume<span class="unseen"> ${group}</span></button>`}
        ${(isPausable || !isResumable) && html`<button type="button" disabled=${!isPausable} onClick=${() => ask('pause')}>Pause …<span class="unseen"> ${group}</span></button>`}
      </div>
      ${
        instances.length === 0
          ? html`<p class="nothing">No instance runs. ${lag > 0 && `${things(lag, 'record')} wait${lag === 1 ? 's' : ''} for one.`}</p>`
          : html`<${Table} caption=${`Instances of ${group}`} columns=${COLUMNS} rows=${instances} keyOf=${(/** @type {SinkInstance} */ instance) => instance.instance_id} isStale=${isStale} />`
      }
      ${errors.map(({ id, error }) => html`<p class="note ${state === 'retrying' ? 'bad' : ''}" key=${id}><strong>Last error of ${shortName(id)}:</strong> ${error}</p>`)}
    </section>
  `
}
