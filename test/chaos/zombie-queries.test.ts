import { connect } from 'node:net'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { taskAddresses } from '../../engine/membership/classic-membership.ts'
import type { OwnerAnswer } from '../../api/queries/query-protocol.ts'
import { brokersOfRun, TradeEnvironment } from '../support/trade-environment.ts'

const TRADE = { trade_id: 'Z1', version: 1, counterparty_id: 'CP-1', book_id: 'B1', maturity_date: '2027-05-20', created_date: '2026-12-11' }

describe.skipIf(brokersOfRun === undefined)('a processor that wakes up after another one has its tasks', { timeout: 300_000 }, () => {
  test('answers nothing of what it knew, be it asked before, during or after its sleep', async () => {
    const environment = await TradeEnvironment.create({
      settings: { 'business.date': '2026-12-11', 'topics.partitions': '1', 'membership.sessionTimeoutMs': '6000', 'membership.rebalanceTimeoutMs': '6000', 'transaction.timeoutMs': '5000' },
    })
    onTestFinished(() => environment.close())
    const zombie = environment.processor()
    const url = await environment.listening(environment.gateway())
    await environment.running(zombie)
    const post = async (version: number) => {
      const answer = await fetch(`${url}/api/v1/trades`, { method: 'POST', headers: { 'content-type': 'application/json', prefer: 'wait=30' }, body: JSON.stringify({ ...TRADE, version }) })
      return answer.status
    }
    expect(await post(1)).toBe(201)
    const { node } = await environment.client.broker.findCoordinator('group', environment.applicationId)
    const [group] = await environment.client.broker.describeGroups(node, [environment.applicationId])
    const [host = '', port = ''] = (taskAddresses(group?.members ?? []).get('0_0') ?? '').split(':')

    const answers: OwnerAnswer[] = []
    const socket = connect(Number(port), host)
    socket.setEncoding('utf8').on('error', () => {}).on('data', (text: string) => {
      for (const line of text.split('\n')) if (line !== '') answers.push(JSON.parse(line))
    })
    const ask = (id: number, waitMs = 0, key = 'Z1') => socket.write(`${JSON.stringify({ id, command: 'get', store: 'trades', partition: 0, key, waitMs })}\n`)
    ask(1)
    await environment.until('it answers', () => answers.length === 1)
    expect(answers).toMatchObject([{ id: 1, kind: 'found' }])
    // It waits for a key that comes while it sleeps.
    ask(2, 60_000, 'Z2')
    ask(3)
    await environment.until('it has heard', () => answers.length === 2)
    zombie.kill('SIGSTOP')
    ask(4)
    const heir = environment.processor({ settings: { 'data.dir': join(environment.folder, 'heir') } })
    await environment.running(heir)
    await environment.until('the heir answers', async () => (await post(2)) === 200)
    ask(5)
    zombie.kill('SIGCONT')
    ask(6)
    await environment.until('everything is answered', () => answers.length === 6)
    const late = answers.filter(({ id }) => id !== 1 && id !== 3)
    expect(late.map(({ id, kind }) => [id, kind]).toSorted()).toEqual([2, 4, 5, 6].map((id) => [id, 'elsewhere']))
    expect(await fetch(`${url}/api/v1/trades/Z1`).then((answer) => answer.json())).toMatchObject({ version: 2 })
  })
})
