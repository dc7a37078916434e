import { useMemo } from 'preact/hooks'
import { useHealth, useHistory, useInstances, useSinks, useStatistics } from '../calls.js'
import { useConnection } from '../connection.js'
import { bytes, count, milliseconds, rate, shortCount, shortName, things } from '../format.js'
import { html } from '../html.js'
import { Chart } from '../parts/chart.js'
import { isRefused, Mark, OUTCOMES, outcomeName } from '../parts/outcome.js'
import { Failed, Loading } from '../parts/states.js'
import { newestOf, PART_NAMES, sinkLevel, sinkWord, verdictOf } from '../verdict.js'

/** @typedef {import('../answers.ts').Health} Health */
/** @typedef {import('../answers.ts').Sample} Sample */
/** @typedef {import('../answers.ts').InstancesAnswer} InstancesAnswer */
/** @typedef {import('../answers.ts').Sink} Sink */

const WINDOW_MS = 15 * 60_000
/** A gateway that has just been started shows no quarter of an hour of nothing. */
const SHORTEST_WINDOW_MS = 3 * 60_000
const SERIES = ['--series-1', '--series-2', '--series-3', '--series-4']

/** How it is, in one sentence, in four numbers, and over the last 15 minutes. */
export function Overview() {
  const history = useHistory()
  const health = useHealth()
  const statistics = useStatistics()
  const instances = useInstances(10_000)
  const sinks = useSinks(10_000)
  const samples = history.data?.samples ?? []
  const isLost = useConnection().state === 'lost'
  const nowMs = history.data === undefined ? undefined : Date.parse(history.data.now)
  const verdict = verdictOf({ health: health.data, samples, nowMs, sinks: sinks.data?.sinks, instances: instances.data?.instances })
  return html`
    <h1 class="unseen">Overview</h1>
    <div class="verdict" data-level=${isLost ? 'unknown' : verdict?.level}>
      <p class="sentence" role="status">${isLost ? 'Nobody knows: the gateway does not answer.' : (verdict?.sentence ?? (health.error === undefined ? 'Asking …' : 'Nothing is known yet.'))}</p>
      <p class="more">${isLost ? (verdict === undefined ? '' : `Before that: ${verdict.sentence}`) : verdict?.more}</p>
    </div>
    <${Figures} last=${newestOf(samples, nowMs)} />
    ${history.data === undefined && (history.error === undefined ? html`<${Loading} what="the last 15 minutes" />` : html`<${Failed} error=${history.error} what="The last 15 minutes" retry=${history.refresh} />`)}
    ${history.data !== undefined && html`<${Charts} samples=${samples} />`}
    <div class="columns thirds">
      <${Outcomes} rates=${statistics.data?.rates_per_second} error=${statistics.error} />
      <${Parts} health=${health.data} instances=${instances.data?.instances} sinks=${sinks.data?.sinks} />
      <${Kept} trades=${statistics.data?.trades} error=${statistics.error} />
    </div>
  `
}

/** @param {{ last: Sample | undefined }} props */
function Figures({ last }) {
  const waiting = last === undefined ? undefined : Object.values(last.lag).reduce((sum, lag) => sum + lag, 0)
  return html`
    <dl class="figures">
      <div><dt>Coming in</dt><dd>${rate(last?.in_per_second)}<span> /s</span></dd></div>
      <div><dt>Committed</dt><dd>${rate(last?.committed_per_second)}<span> /s</span></dd></div>
      <div><dt>End to end, 99 of 100 within</dt><dd>${milliseconds(last?.latency_ms?.p99)}</dd></div>
      <div><dt>Waiting, all groups</dt><dd>${shortCount(waiting)}</dd></div>
    </dl>
  `
}

/** @param {{ samples: readonly Sample[] }} props */
function Charts({ samples }) {
  const charts = useMemo(() => chartsOf(samples), [samples])
  return html`<div class="columns halves">${charts.map((chart) => html`<${Chart} key=${chart.title} ...${chart} />`)}</div>`
}

/** @param {readonly Sample[]} samples @returns {import('../parts/chart.js').ChartProps[]} */
function chartsOf(samples) {
  const times = samples.map(({ at }) => Date.parse(at))
  const toMs = times.at(-1) ?? Date.now()
  const same = { times, window: /** @type {const} */ ([Math.max(toMs - WINDOW_MS, Math.min(times[0] ?? toMs, toMs - SHORTEST_WINDOW_MS)), toMs]) }
  const groups = [...new Set(samples.flatMap(({ lag }) => Object.keys(lag)))].slice(0, SERIES.length)
  const refusals = OUTCOMES.filter((outcome) => isRefused(outcome) && samples.some((sample) => (sample.outcomes_per_second[outcome] ?? 0) > 0)).slice(0, SERIES.length)
  return [
    {
      ...same,
      title: 'Throughput, records a second',
      format: rate,
      series: [
        { name: 'in', colour: '--series-1', values: samples.map((sample) => sample.in_per_second), isFilled: true },
        { name: 'committed', colour: '--series-2', values: samples.map((sample) => sample.committed_per_second), isDashed: true },
      ],
    },
    {
      ...same,
      title: 'End-to-end latency',
      format: milliseconds,
      series: [
        { name: 'p50', colour: '--series-1', values: samples.map((sample) => sample.latency_ms?.p50 ?? null), isFilled: true },
        { name: 'p99', colour: '--series-2', values: samples.map((sample) => sample.latency_ms?.p99 ?? null), isDashed: true },
      ],
    },
    {
      ...same,
      title: 'Lag by group, records',
      format: count,
      series: groups.map((group, n) => ({ name: group, colour: SERIES[n] ?? '--series-1', values: samples.map(({ lag }) => lag[group] ?? null), isDashed: n % 2 === 1 })),
    },
    {
      ...same,
      title: 'Refused, records a second',
      format: rate,
      series: refusals.map((outcome, n) => ({ name: outcomeName(outcome), colour: SERIES[n] ?? '--series-1', values: samples.map((sample) => sample.outcomes_per_second[outcome] ?? 0), isDashed: n % 2 === 1 })),
    },
  ]
}

/** @param {{ rates: Readonly<Record<string, number>> | undefined, error: Error | undefined }} props */
function Outcomes({ rates, error }) {
  const shown = OUTCOMES.flatMap((outcome) => (rates?.[outcome] === undefined ? [] : [{ outcome, perSecond: rates[outcome] }]))
  const most = Math.max(0.001, ...shown.map(({ perSecond }) => perSecond))
  return html`
    <section aria-labelledby="outcomes">
      <h2 id="outcomes">Outcomes <span>a second, over the last minute</span></h2>
      ${
        shown.length === 0
          ? html`<p class="nothing">${rates === undefined ? unknown(error) : 'Nothing was judged in the last minute.'}</p>`
          : html`
              <table class="bars">
                <caption class="unseen">Outcomes a second, over the last minute</caption>
                ${shown.map(
                  ({ outcome, perSecond }) => html`
                    <tr>
                      <th scope="row"><a href=${`/audit?outcome=${outcome}`}>${outcomeName(outcome)}</a></th>
                      <td class="bar"><i class=${isRefused(outcome) ? 'refused' : ''} style=${{ width: `${((perSecond / most) * 100).toFixed(1)}%` }}></i></td>
                      <td class="number">${rate(perSecond)}</td>
                    </tr>
                  `,
                )}
              </table>
            `
      }
    </section>
  `
}

/** @param {{ health: Health | undefined, instances: InstancesAnswer['instances'] | undefined, sinks: readonly Sink[] | undefined }} props */
function Parts({ health, instances, sinks }) {
  return html`
    <section aria-labelledby="parts">
      <h2 id="parts">Parts</h2>
      ${health === undefined && html`<p class="nothing">Not known yet.</p>`}
      <ul class="parts">
        ${Object.entries(health?.parts ?? {}).map(([part, { up, detail }]) => html`<li><${Mark} level=${up ? 'good' : 'bad'}>${PART_NAMES[part] ?? part}<//><span>${up ? 'up' : `away${detail === undefined ? '' : `: ${detail}`}`}</span></li>`)}
        ${(sinks ?? []).map(({ group, state }) => html`<li><${Mark} level=${sinkLevel(state)}><a href="/sinks">${group}</a><//><span>${sinkWord(state)}</span></li>`)}
        ${(instances ?? []).map(
          ({ instance_id: id, role, reachable, tasks, rss_bytes: rss }) => html`
            <li><${Mark} level=${reachable ? 'good' : 'bad'}><a href="/instances" title=${id}>${shortName(id)}</a><//><span>${!reachable ? 'not reached' : role === 'processor' ? `${things(tasks.length, 'task')}, ${bytes(rss)}` : bytes(rss)}</span></li>
          `,
        )}
      </ul>
    </section>
  `
}

/** @param {{ trades: Readonly<Record<string, number>> | undefined, error: Error | undefined }} props */
function Kept({ trades, error }) {
  return html`
    <section aria-labelledby="kept">
      <h2 id="kept">Trades kept <span>rows in PostgreSQL</span></h2>
      ${
        trades === undefined
          ? html`<p class="nothing">${unknown(error)}</p>`
          : html`
              <dl class="pairs">
                <div><dt><a href="/trades?expired=false">Live</a></dt><dd>${count(trades['live'])}</dd></div>
                <div><dt><a href="/trades?expired=true">Expired</a></dt><dd>${count(trades['expired'])}</dd></div>
                <div><dt>Deleted</dt><dd>${count(trades['deleted'])}</dd></div>
              </dl>
            `
      }
    </section>
  `
}

/** @param {Error | undefined} error */
function unknown(error) {
  return error === undefined ? 'Not known yet.' : `Not known: ${error.message}`
}
