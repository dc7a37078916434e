import { afterAll, beforeEach, expect, test, vi } from 'vitest'
import { GatewayFixture } from '../testing/gateway-fixture.ts'

const at = await GatewayFixture.create()
beforeEach(() => at.reset())
afterAll(() => at.server.close())

test('a document that is no event of ours is shown as far as it goes, beside the others', async () => {
  const ours = { event_type: 'SINK_STARTED', severity: 'info', data: { sink: 'mongo' } }
  const fields = [ours, {}, { event_type: 7, severity: ['x'], data: [1] }, { ...ours, data: null, note: 'by hand' }]
  const found = vi.spyOn(at.events, 'operational').mockResolvedValue(fields.map((one, n) => ({ id: `e${n}`, timestampMs: n, fields: one })))
  const answer = await at.server.inject({ url: '/api/v1/operational-events' })
  found.mockRestore()
  const unknown = { event_type: 'UNKNOWN', severity: 'info', data: {} }
  expect(answer.statusCode).toBe(200)
  expect(answer.json().items.map(({ id: _, timestamp: __, ...rest }: Record<string, unknown>) => rest)).toEqual([ours, unknown, unknown, { ...ours, data: {}, note: 'by hand' }])
})
