import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { overflow, violations } from './accessibility.ts'
import { CannedGateway, problem } from './canned-gateway.ts'
import { PAGES } from './pages.ts'
import { NOW_MS, SAMPLES } from './sample-answers.ts'
import { launch, openPage } from './system-browser.ts'

const TRADE = 'T-20480'
const placed = (path: string) => path.replace('{trade}', TRADE).replace('{letter}', '0-118')

/** States that a running stack is rarely in, and what is to hold in each of them. */
describe('the dashboard, on answers as they may come', () => {
  const gateway = new CannedGateway()
  let browser: Browser

  beforeAll(async () => {
    ;[browser] = await Promise.all([launch(), gateway.start()])
  })
  afterAll(() => Promise.all([browser?.close(), gateway.stop()]))
  beforeEach(() => {
    gateway.answers.clear()
    gateway.calls.length = 0
    for (const [call, answer] of SAMPLES) gateway.answers.set(call, answer)
  })

  const open = async (path: string, options: Parameters<typeof openPage>[1] = {}): Promise<{ page: Page; complaints: string[] }> => {
    const opened = await openPage(browser, options)
    await opened.page.clock.setFixedTime(NOW_MS)
    await opened.page.goto(gateway.url + path)
    return opened
  }

  test.each([
    ['light', 1440],
    ['dark', 375],
  ] as const)('%s at %i: every page has its data, is accessible, and fits', async (colorScheme, width) => {
    const { page, complaints } = await open('/', { colorScheme, viewport: { width, height: 900 } })
    for (const { name, path, ready } of PAGES) {
      await page.goto(gateway.url + placed(path))
      await page.waitForSelector(ready)
      expect(`${name}: ${await violations(page)}`).toBe(`${name}: `)
      expect([name, await overflow(page)]).toEqual([name, 0])
    }
    expect(complaints).toEqual([])
  })

  test('without any data each page says what is so', async () => {
    const empty = { items: [], next: null }
    const none: readonly (readonly [call: string, answer: object])[] = [
      ['GET /topology', { sub_topologies: [], lag: {}, stores: [] }],
      ['GET /groups', { groups: [] }],
      ['GET /instances', { instances: [], rebalances: [] }],
      ['GET /sinks', { sinks: [] }],
      ['GET /trades', empty],
      ['GET /audit-logs', empty],
      ['GET /dead-letters', empty],
      ['GET /statistics/history', { step_ms: 5_000, samples: [] }],
    ]
    for (const [call, answer] of none) gateway.answers.set(call, answer)
    for (const call of [`GET /trades/${TRADE}/timeline`, `GET /trades/${TRADE}/versions`]) gateway.answers.delete(call)
    const titles = { topology: 'No topology is known yet', groups: 'No consumer group is there yet', instances: 'No instance is there', sinks: 'No sink is there', trades: 'No trade fits', trade: 'Nothing is known of this trade', audit: 'No entry fits', 'dead-letters': 'There are none' }
    const { page, complaints } = await open('/')
    await page.getByText('All parts are up.', { exact: true }).waitFor()
    for (const [name, title] of Object.entries(titles)) {
      await page.goto(gateway.url + placed(PAGES.find((one) => one.name === name)?.path ?? ''))
      await page.locator('.state-title', { hasText: title }).waitFor()
      expect(`${name}: ${await violations(page)}`).toBe(`${name}: `)
    }
    expect(complaints).toEqual([])
  })

  test('while an answer is under way the page says so, and when there is a fault it says which', async () => {
    let answer: (body: object) => void = () => {}
    gateway.answers.set('GET /groups', () => new Promise<object>((resolve) => (answer = resolve)))
    const { page } = await open('/groups')
    await page.getByText('Loading the groups').waitFor()
    expect(await violations(page)).toBe('')
    answer({ groups: [] })
    await page.getByText('No consumer group is there yet').waitFor()

    gateway.answers.set('GET /audit-logs', problem(503, 'MongoDB cannot be asked: no primary; try again'))
    await page.goto(`${gateway.url}/audit`)
    const failed = page.getByRole('alert')
    await failed.getByText('MongoDB cannot be asked: no primary; try again').waitFor()
    expect(await violations(page)).toBe('')
    gateway.answers.set('GET /audit-logs', { items: [], next: null })
    await failed.getByRole('button', { name: 'Try again' }).click()
    await page.getByText('No entry fits').waitFor()
  })

  test('a gateway that goes away and comes back: the last data stays, and the page fills by itself', async () => {
    const { page, complaints } = await openPage(browser)
    await page.goto(`${gateway.url}/instances`)
    await page.waitForSelector('.task')
    await gateway.stop()
    await page.getByText('The gateway does not answer.', { exact: true }).waitFor()
    expect(await page.locator('.task').count()).toBeGreaterThan(0)
    expect(await violations(page)).toBe('')
    await gateway.start()
    await page.getByText('Connected again.').waitFor()
    expect(complaints).toEqual([])
  })

  test('nobody is asked anything while the page is hidden', async () => {
    const { page } = await openPage(browser)
    await page.clock.install({ time: NOW_MS })
    await page.goto(`${gateway.url}/`)
    await page.waitForSelector('.verdict[data-level]')
    const hide = (hidden: boolean) => page.evaluate(`Object.defineProperty(document, 'hidden', { configurable: true, value: ${hidden} }); document.dispatchEvent(new Event('visibilitychange'))`)
    const asked = async () => {
      await page.clock.runFor(5_000)
      return gateway.calls.filter((call) => call === 'GET /health').length
    }
    await expect.poll(asked).toBeGreaterThan(3)
    await hide(true)
    await page.waitForLoadState('networkidle')
    const before = gateway.calls.length
    await page.clock.runFor(120_000)
    expect(gateway.calls.length).toBe(before)
    await hide(false)
    await expect.poll(() => gateway.calls.length).toBeGreaterThan(before)
  })

  test('the theme can be chosen, and stays', async () => {
    const { page } = await open('/send', { colorScheme: 'light' })
    const paper = () => page.evaluate<string>('getComputedStyle(document.documentElement).backgroundColor')
    const light = await paper()
    await page.getByText('Dark', { exact: true }).click()
    const dark = await paper()
    expect(dark).not.toBe(light)
    await page.goto(`${gateway.url}/trades`)
    expect(await paper()).toBe(dark)
    await page.getByText('Auto', { exact: true }).click()
    expect(await paper()).toBe(light)
  })

  test('all of it can be reached by keyboard', async () => {
    const { page } = await open('/')
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    expect(await page.evaluate('document.activeElement.id')).toBe('main')
    await page.getByRole('link', { name: 'Sinks', exact: true }).focus()
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Sinks', level: 1 }).waitFor()
    expect(await page.evaluate('document.activeElement.id')).toBe('main')
    await page.getByRole('button', { name: 'Pause … tradewind-sink-mongo' }).press('Enter')
    const dialog = page.getByRole('dialog', { name: 'Pause tradewind-sink-mongo?' })
    await dialog.waitFor()
    expect(await violations(page)).toBe('')
    await page.keyboard.press('Escape')
    await dialog.waitFor({ state: 'detached' })
    expect(gateway.calls.filter((call) => call.startsWith('POST'))).toEqual([])

    await page.setViewportSize({ width: 375, height: 800 })
    const menu = page.getByRole('button', { name: 'Menu' })
    await menu.press('Enter')
    expect(await menu.getAttribute('aria-expanded')).toBe('true')
    expect(await violations(page)).toBe('')
    await page.getByRole('link', { name: 'Trades', exact: true }).press('Enter')
    await page.getByRole('heading', { name: 'Trades', level: 1 }).waitFor()
    expect(await menu.getAttribute('aria-expanded')).toBe('false')
  })

  test('faults of a trade stand at their fields, and a press after a failure is the same request', async () => {
    const keys: unknown[] = []
    gateway.answers.set('POST /trades', (request, reply) => {
      keys.push(request.headers['idempotency-key'])
      reply.code(keys.length === 1 ? 503 : 400).type('application/problem+json')
      return keys.length === 1 ? { title: 'Not available now', detail: 'Kafka cannot be asked: nothing was written; try again' } : { title: 'Bad', detail: 'two faults', errors: [{ pointer: '/version', detail: 'found the text "x", expected a number' }, { pointer: '/book_id', detail: 'not there' }] }
    })
    const { page } = await open('/send')
    await page.getByLabel('Version').fill('x')
    await page.getByRole('button', { name: 'Send' }).click()
    await page.getByRole('alert').getByText('Kafka cannot be asked').waitFor()
    await page.getByRole('button', { name: 'Send' }).click()
    await page.getByText('found the text "x", expected a number').waitFor()
    expect(await page.getByLabel('Version').getAttribute('aria-invalid')).toBe('true')
    expect(await page.getByLabel('Book').getAttribute('aria-describedby')).toBe('field-book_id-fault')
    expect(keys[0]).toBe(keys[1])
    expect(await violations(page)).toBe('')
    await page.getByLabel('More fields').fill('{"version": 2}')
    await page.getByRole('button', { name: 'Send' }).click()
    await page.getByText('found version, which has a field of its own above').waitFor()
    expect(keys.length).toBe(2)
  })
})
