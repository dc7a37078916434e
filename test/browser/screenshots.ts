import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import type { AuditEntry, Listed } from '../../api/dashboard/answers.ts'
import { PAGES } from './pages.ts'
import { launch } from './system-browser.ts'

// node test/browser/screenshots.ts http://127.0.0.1:8080 docs/dashboard [page ...]
//
// Takes a picture of every page (or of these) of a gateway that runs, in both themes, and of some on a phone.

const [, , url, folder, ...only] = process.argv
if (url === undefined || folder === undefined) throw new Error('expected two arguments or more: the address of a gateway, and the folder to write to')
/** Those that somebody opens on the way to a computer. */
const ON_A_PHONE = ['overview', 'groups', 'trade', 'dead-letters']
const WINDOW = { width: 1440, height: 900 }
const PHONE = { width: 375, height: 812 }

mkdirSync(folder, { recursive: true })
const browser = await launch()
const trade = await worthShowing(url)
for (const colorScheme of ['light', 'dark'] as const) await takeAll(browser, colorScheme)
await browser.close()

/** A trade with some versions. */
async function worthShowing(gateway: string): Promise<string> {
  const { items } = (await (await fetch(`${gateway}/api/v1/audit-logs?outcome=UPDATED&limit=100`)).json()) as Listed<AuditEntry> // as the schema of the call says
  return items.find(({ version, trade_id: id }) => version !== null && version > 2 && version < 8 && id !== null && /^[\w-]+$/.test(id))?.trade_id ?? ''
}

async function takeAll(from: Browser, colorScheme: 'light' | 'dark'): Promise<void> {
  for (const { name, path, ready } of PAGES.filter(({ name: one }) => only.length === 0 || only.includes(one))) {
    const page = await from.newPage({ viewport: WINDOW, colorScheme })
    await page.goto(url + (name === 'dead-letters' ? '/dead-letters' : path.replace('{trade}', encodeURIComponent(trade))))
    if (name === 'dead-letters') await page.locator('tr', { hasText: 'expected' }).locator('th a').first().click()
    await page.waitForSelector(ready)
    await act(name, page, colorScheme)
    await page.waitForLoadState('load')
    await page.screenshot({ path: join(folder ?? '', `${name}-${colorScheme}.png`) })
    if (ON_A_PHONE.includes(name) && colorScheme === 'dark') {
      await page.setViewportSize(PHONE)
      await page.screenshot({ path: join(folder ?? '', `${name}-phone-${colorScheme}.png`) })
    }
    await page.close()
  }
}

/** What a page shows best after somebody has done something on it, or has looked at it for a while. */
async function act(name: string, page: Page, colorScheme: string): Promise<void> {
  if (name === 'overview') await Promise.all(['.bars', '.parts a[href="/instances"]', '.parts a[href="/sinks"]'].map((part) => page.waitForSelector(part)))
  if (name === 'topology') {
    await page.getByRole('button', { name: 'trade-rules' }).click()
    await page.getByRole('heading', { name: 'Its tasks' }).waitFor()
  }
  if (name === 'groups' || name === 'sinks') await page.locator('.sparkline').first().waitFor()
  if (name !== 'send') return
  await page.getByLabel('Trade id').fill(`T-${colorScheme.toUpperCase()}`)
  await page.getByLabel('Counterparty').fill('CP-17')
  await page.getByLabel('Book').fill('RATES-LDN')
  await page.getByLabel('More fields').fill('{"notional": 2500000.50, "currency": "GBP"}')
  await page.getByRole('button', { name: 'Send' }).click()
  await page.locator('.step', { hasText: 'Row in PostgreSQL' }).and(page.locator('[data-state=done]')).waitFor()
}
