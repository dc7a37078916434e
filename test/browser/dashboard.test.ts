import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { DeadLetter, GroupsAnswer, Listed, Trade } from '../../api/dashboard/answers.ts'
import { MixedWorkload } from '../../bench/workload/mixed-workload.ts'
import type { Workload, WorkloadRecord } from '../../bench/workload/workload.ts'
import type { GatewayStatus } from '../../cli/gateway-status.ts'
import type { Role } from '../../cli/demo/role.ts'
import type { ProcessorStatus } from '../../cli/processor-status.ts'
import { NewTrades } from '../support/new-trades.ts'
import { brokersOfRun, TradeEnvironment } from '../support/trade-environment.ts'
import { violations } from './accessibility.ts'
import { PAGES } from './pages.ts'
import { launch, openPage } from './system-browser.ts'

const BUSINESS_DATE = '2026-12-11'
const PARTITIONS = 4
/** The broker allows no shorter one. */
const SESSION_MS = '6000'
const TRADE = { version: 1, counterparty_id: 'CP-1', book_id: 'B1', maturity_date: '2027-05-20', created_date: '2026-12-11' }

describe.skipIf(brokersOfRun === undefined)('the dashboard, on a running stack', { timeout: 120_000 }, () => {
  let environment: TradeEnvironment
  let processors: Role<ProcessorStatus>[] = []
  let gateway: Role<GatewayStatus>
  let url = ''
  let browser: Browser

  beforeAll(async () => {
    const settings = { 'business.date': BUSINESS_DATE, 'topics.partitions': String(PARTITIONS), 'membership.sessionTimeoutMs': SESSION_MS }
    ;[environment, browser] = await Promise.all([TradeEnvironment.create({ settings }), launch()])
    processors = ['first', 'second'].map((folder) => environment.processor({ settings: { 'data.dir': join(environment.folder, folder) } }))
    const sinks = [environment.sink('postgres'), environment.sink('mongo')]
    gateway = environment.gateway()
    url = await environment.listening(gateway)
    await environment.until('the processors share the tasks', () => processors.every(({ status }) => status?.running.length === PARTITIONS / 2))
    await environment.until('the sinks have their partitions', () => sinks.every(({ status }) => status !== undefined))
    await generate(400, new MixedWorkload({ seed: 4, businessDate: BUSINESS_DATE, rates: { LARGE: 0, TOO_LARGE: 0, HEAVY_HEADERS: 0 } }))
  }, 120_000)
  afterAll(() => Promise.all([browser?.close(), environment?.close()]))

  /** So many records, as fast as they can be sent. */
  async function generate(records: number, workload: Workload): Promise<void> {
    await environment.generator({ workload, ratePerS: 2_000, count: records }).run(new AbortController().signal)
  }

  async function answer<Answer>(path: string): Promise<Answer> {
    return (await (await fetch(`${url}/api/v1${path}`)).json()) as Answer // as the schema of the call says
  }

  async function open(path: string): Promise<{ page: Page; complaints: string[] }> {
    const opened = await openPage(browser)
    await opened.page.goto(url + path)
    return opened
  }

  test('each page has the data of the stack, and is accessible with it', async () => {
    const listed = await environment.until('trades and dead letters are there', async () => {
      const [trades, letters] = [await answer<Listed<Trade>>('/trades'), await answer<Listed<DeadLetter>>('/dead-letters')]
      return trades.items.length > 0 && letters.items.length > 0 && { trade: trades.items[0]?.trade_id ?? '', letter: letters.items[0]?.id ?? '' }
    })
    const { page, complaints } = await open('/')
    for (const { name, path, ready } of PAGES) {
      await page.goto(url + path.replace('{trade}', encodeURIComponent(listed.trade)).replace('{letter}', listed.letter))
      await page.waitForSelector(ready)
      expect(`${name}: ${await violations(page)}`).toBe(`${name}: `)
    }
    expect(complaints).toEqual([])
  })

  test('a trade is followed from the form to its row', async () => {
    const { page } = await open('/send')
    await page.getByLabel('Trade id').fill('FORM-1')
    await page.getByLabel('Counterparty').fill('CP-9')
    await page.getByLabel('Book').fill('B-9')
    await page.getByLabel('More fields').fill('{"notional": 12345678901234567890}')
    await page.getByRole('button', { name: 'Send' }).click()
    const steps = page.locator('.step')
    await steps.filter({ hasText: 'Row in PostgreSQL' }).and(page.locator('[data-state=done]')).waitFor()
    expect(await steps.nth(1).textContent()).toContain('Created')
    // Digits are not lost on the way.
    expect(await steps.nth(2).textContent()).toContain('12345678901234567890')
    await page.getByLabel('Version').fill('2')
    await page.getByRole('button', { name: 'Send' }).click()
    await steps.nth(2).getByText('12345678901234567890').waitFor()
    await page.getByText('The whole story of this trade').click()
    await page.getByText('Nothing but its number.').waitFor()
    await page.locator('.timeline .outcome').getByText('Updated', { exact: true }).waitFor()
  })

  test('the audit log is followed live, and found by its filters after', async () => {
    const { page, complaints } = await open('/audit?trade_id=LIVE-1')
    await page.getByText('No entry fits').waitFor()
    const connected = page.waitForResponse((response) => response.url().includes('/api/v1/events'))
    await page.getByRole('button', { name: 'Follow live' }).click()
    expect((await connected).headers()['content-type']).toContain('text/event-stream')
    await page.getByText('Waiting for the next entry').waitFor()
    await generate(1, new OneRecord('LIVE-1', JSON.stringify({ trade_id: 'LIVE-1', ...TRADE })))
    await page.locator('tbody .outcome').getByText('Created').waitFor()
    expect(await violations(page)).toBe('')
    await page.getByRole('button', { name: 'Stop following' }).click()
    await page.getByLabel('Outcome').selectOption('STALE_VERSION')
    await page.getByRole('button', { name: 'Apply' }).click()
    await page.getByText('No entry fits').waitFor()
    await page.getByLabel('Outcome').selectOption('CREATED')
    await page.getByRole('button', { name: 'Apply' }).click()
    await environment.until('MongoDB has it', async () => {
      await page.reload()
      await page.locator('tbody, .state-title').first().waitFor()
      return (await page.locator('tbody .outcome').count()) === 1
    })
    expect(complaints).toEqual([])
  })

  test('a dead letter is read, mended and sent again, and who did it is shown', async () => {
    await generate(1, new OneRecord('MEND-1', JSON.stringify({ trade_id: 'MEND-1', ...TRADE, version: '1' })))
    const letter = await environment.until('it is a dead letter', async () => (await answer<Listed<DeadLetter>>('/dead-letters')).items.find(({ trade_id: id }) => id === 'MEND-1'))
    const { page, complaints } = await open(`/dead-letters?id=${letter.id}`)
    await page.getByRole('button', { name: 'Hex' }).click()
    await page.getByRole('region', { name: 'Value as hex' }).getByText('7b 22 74 72 61 64 65 5f  69 64 22').waitFor()
    const editor = page.getByLabel('Value to send')
    await editor.fill((await editor.inputValue()).replace('"version":"1"', '"version":1'))
    await page.getByRole('button', { name: 'Replay …' }).click()
    const dialog = page.getByRole('dialog', { name: 'Write this record again?' })
    await dialog.getByText('edited').waitFor()
    expect(await violations(page)).toBe('')
    await dialog.getByRole('button', { name: 'Replay' }).click()
    await page.locator('.step').filter({ hasText: 'Row in PostgreSQL' }).and(page.locator('[data-state=done]')).waitFor()
    await page.locator('.replays').getByText('by anonymous, edited').waitFor()
    expect(complaints).toEqual([])
  })

  test('lag rises while a sink is paused, and falls when it goes on', async () => {
    const group = `${environment.applicationId}-sink-postgres`
    const { page } = await open('/sinks')
    await page.getByRole('button', { name: `Pause … ${group}` }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Pause' }).click()
    await page.getByRole('button', { name: `Resume ${group}` }).waitFor()
    const { page: groups } = await open('/groups')
    const section = groups.locator('section', { has: groups.getByRole('heading', { name: group }) })
    await section.getByText('Stable').waitFor()
    const shownLag = async () => Number((await section.locator('.inline .strong').textContent())?.replaceAll(',', ''))
    await generate(600, new NewTrades({ prefix: 'PAUSED-', maturity: '2027-05-20' }))
    await expect.poll(shownLag, { timeout: 30_000 }).toBeGreaterThanOrEqual(600)
    await section.locator('[data-direction=rising]').first().waitFor()
    await page.getByRole('button', { name: `Resume ${group}` }).click()
    await page.getByRole('button', { name: `Pause … ${group}` }).waitFor()
    await expect.poll(shownLag, { timeout: 30_000 }).toBe(0)
    const lags = (await answer<GroupsAnswer>('/groups')).groups.find((one) => one.group === group)?.partitions.map(({ lag }) => lag)
    expect(lags).toEqual(Array.from({ length: PARTITIONS }, () => 0))
  })

  test('an instance is killed, and its tasks are shown to move', async () => {
    const { page, complaints } = await open('/instances')
    await expect.poll(() => page.locator('.task[data-state=running]').filter({ hasText: '0_' }).count(), { timeout: 30_000 }).toBe(PARTITIONS)
    const [left, killed] = processors
    const tasks = killed?.status?.running.toSorted() ?? []
    expect(tasks.length).toBe(PARTITIONS / 2)
    killed?.kill()
    await environment.until('the other one has its tasks', () => left?.status?.running.length === PARTITIONS)
    await page.locator('.rebalances .move').filter({ hasText: tasks.join(', ') }).first().waitFor()
    await expect.poll(() => page.locator('.task[data-state=running]').filter({ hasText: '0_' }).count(), { timeout: 30_000 }).toBe(PARTITIONS)
    expect(complaints).toEqual([])
  })

  test('a gateway that was started again is found again', async () => {
    const { page } = await open('/trades')
    await page.waitForSelector('tbody th a')
    await page.goto(`${url}/`)
    await page.waitForSelector('.verdict[data-level]')
    gateway.kill()
    await page.getByText('The gateway does not answer.', { exact: true }).waitFor()
    gateway = environment.gateway({ settings: { 'http.listen': new URL(url).host } })
    await environment.listening(gateway)
    await page.getByText('Connected again.').waitFor()
    await page.waitForSelector('.chart')
  })
})

/** A record as it is given, under a key. */
class OneRecord implements Workload {
  readonly #key: Buffer
  readonly #value: Buffer

  constructor(key: string, value: string) {
    this.#key = Buffer.from(key)
    this.#value = Buffer.from(value)
  }

  next(into: WorkloadRecord): void {
    into.key.set(this.#key, 0, this.#key.length)
    into.placement.set(this.#key, 0, this.#key.length)
    into.value.set(this.#value, 0, this.#value.length)
    into.hasKey = true
    into.hasValue = true
    into.kind = 'INVALID'
  }
}
