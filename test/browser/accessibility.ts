import axe from 'axe-core'
import type { Page } from 'playwright-core'

/** What axe-core finds wrong with a page as it is now, one a line; '' is nothing. */
export async function violations(page: Page): Promise<string> {
  // Not as a script element: the page's policy forbids it.
  await page.evaluate(axe.source)
  const found = await page.evaluate<{ violations: { id: string; nodes: { html: string; failureSummary?: string }[] }[] }>('axe.run()')
  return found.violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary = '' }) => `${html.slice(0, 160)} ${failureSummary.replaceAll(/\s+/g, ' ').slice(0, 240)}`).join(' | ')}`).join('\n')
}

/** How many pixels a page is wider than the window: nobody scrolls sideways. */
export function overflow(page: Page): Promise<number> {
  return page.evaluate<number>('document.documentElement.scrollWidth - document.documentElement.clientWidth')
}
