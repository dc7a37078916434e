import { useEffect, useRef, useState } from 'preact/hooks'
import { useConnection } from './connection.js'
import { duration } from './format.js'
import { html } from './html.js'
import { Audit } from './pages/audit.js'
import { DeadLetters } from './pages/dead-letters.js'
import { Groups } from './pages/groups.js'
import { Instances } from './pages/instances.js'
import { Overview } from './pages/overview.js'
import { Send } from './pages/send.js'
import { Sinks } from './pages/sinks.js'
import { Topology } from './pages/topology.js'
import { Trade } from './pages/trade.js'
import { Trades } from './pages/trades.js'
import { ThemeSwitch } from './parts/theme-switch.js'
import { useNow } from './poll.js'
import { followLinks, usePlace } from './router.js'

/** @typedef {{ path: string, name: string, page: (props: { query: URLSearchParams }) => unknown, parent?: string }} Page */

/** @type {readonly { readonly name: string, readonly pages: readonly Page[] }[]} */
const SECTIONS = [
  {
    name: 'Watch',
    pages: [
      { path: '/', name: 'Overview', page: Overview },
      { path: '/topology', name: 'Topology', page: Topology },
      { path: '/groups', name: 'Groups and lag', page: Groups },
      { path: '/instances', name: 'Instances', page: Instances },
      { path: '/sinks', name: 'Sinks', page: Sinks },
    ],
  },
  {
    name: 'Look up',
    pages: [
      { path: '/trades', name: 'Trades', page: Trades },
      { path: '/audit', name: 'Audit', page: Audit },
      { path: '/dead-letters', name: 'Dead letters', page: DeadLetters },
    ],
  },
  { name: 'Act', pages: [{ path: '/send', name: 'Send a trade', page: Send }] },
]
/** Reached from another page, not from the navigation. @type {readonly Page[]} */
const OTHER_PAGES = [{ path: '/trade', name: 'Trade', page: Trade, parent: '/trades' }]
const PAGES = [...SECTIONS.flatMap(({ pages }) => pages), ...OTHER_PAGES]

followLinks((path) => PAGES.some((page) => page.path === path))

export function App() {
  const { path, query } = usePlace()
  const found = PAGES.find((page) => page.path === path)
  const main = useRef(/** @type {HTMLElement | null} */ (null))
  const isFirst = useRef(true)
  useEffect(() => {
    document.title = `${found?.name ?? 'Not found'} · Tradewind`
    // Who has followed a link hears where he is; who has just come starts at the top.
    if (!isFirst.current) main.current?.focus()
    isFirst.current = false
  }, [found])
  return html`
    <a class="skip" href="#main">Skip to content</a>
    <${Navigation} here=${found?.parent ?? path} />
    <main id="main" tabindex="-1" ref=${main}>
      <${ConnectionBanner} />
      ${found === undefined ? html`<${NotFound} />` : html`<${found.page} query=${query} key=${path} />`}
    </main>
  `
}

/** @param {{ here: string }} props */
function Navigation({ here }) {
  const [isOpen, setOpen] = useState(false)
  useEffect(() => setOpen(false), [here])
  return html`
    <header class="rail" onKeyDown=${(/** @type {KeyboardEvent} */ event) => event.key === 'Escape' && setOpen(false)}>
      <a class="wordmark" href="/">
        <svg viewBox="0 0 24 24" width="22" height="22" aria-hidden="true"><path d="M2 8h11.5a3 3 0 1 0-3-3M2 12h17a3 3 0 1 1-3 3M2 16h8a2.5 2.5 0 1 1-2.5 2.5" /></svg>
        Tradewind
      </a>
      <button class="menu" type="button" aria-expanded=${isOpen} aria-controls="navigation" onClick=${() => setOpen(!isOpen)}>Menu</button>
      <nav id="navigation" aria-label="Pages" data-open=${isOpen}>
        ${SECTIONS.map(
          ({ name, pages }) => html`
            <p class="nav-section" id=${`nav-${name.replace(' ', '-')}`}>${name}</p>
            <ul aria-labelledby=${`nav-${name.replace(' ', '-')}`}>
              ${pages.map((page) => html`<li><a href=${page.path} aria-current=${page.path === here ? 'page' : undefined}>${page.name}</a></li>`)}
            </ul>
          `,
        )}
        <div class="rail-foot">
          <${ThemeSwitch} />
          <a href="/docs/">API reference</a>
          <p>All times are UTC.</p>
        </div>
      </nav>
    </header>
  `
}

/** The last data stays where it is, and is said to be old. */
function ConnectionBanner() {
  const connection = useConnection()
  const nowMs = useNow()
  const wasLost = useRef(false)
  const [isBack, setBack] = useState(false)
  useEffect(() => {
    if (connection.state === 'lost') wasLost.current = true
    if (connection.state !== 'connected' || !wasLost.current) return undefined
    wasLost.current = false
    setBack(true)
    const timer = setTimeout(() => setBack(false), 4_000)
    return () => clearTimeout(timer)
  }, [connection])
  const lostAtMs = connection.state === 'lost' ? connection.lostAtMs : undefined
  return html`
    <div role="status" class="connection" data-state=${connection.state}>
      ${lostAtMs !== undefined && html`<p><strong>The gateway does not answer.</strong> What you see is what it last said. Trying again.</p>`}
      ${lostAtMs === undefined && isBack && html`<p><strong>Connected again.</strong></p>`}
    </div>
    ${lostAtMs !== undefined && html`<p class="connection-age" aria-hidden="true">No answer for ${duration(Math.max(1, (nowMs - lostAtMs) / 1_000))}</p>`}
  `
}

function NotFound() {
  return html`
    <h1>There is no such page</h1>
    <p>The pages are listed in the navigation. <a href="/">Go to the overview</a>.</p>
  `
}
