import { expect, test } from 'vitest'
import type { RunResult, SimulatedApplication } from '../../../engine/simulation/simulated-application.ts'
import { runSimulation } from '../../../engine/simulation/simulation.ts'
import { simulatedClient } from '../../../testing/simulated-client.ts'
import { applicationNamed } from './pick-application.ts'

/** A quiet run: what went in and what came out of it. */
async function quietRun(name: string): Promise<{ application: SimulatedApplication; result: RunResult }> {
  const seen: { application: SimulatedApplication; result: RunResult }[] = []
  const { violations } = await runSimulation({
    seed: 12,
    faults: [],
    records: 300,
    connect: simulatedClient,
    application: (random) => {
      const application = applicationNamed(name)(random)
      const check = (result: RunResult) => {
        seen.push({ application, result })
        return application.check(result)
      }
      return { ...application, check }
    },
  })
  expect(violations).toEqual([])
  const [first] = seen
  if (first === undefined) throw new Error('nothing was checked')
  return first
}

test.each(['counter', 'trades', 'windows', 'join'])('the check of %s finds an output that is lost, doubled, or changed, and an input that has none', async (name) => {
  const { application, result } = await quietRun(name)
  const { outputs, inputs } = result
  expect(outputs.length).toBeGreaterThan(10)
  const at = Math.floor(outputs.length / 2)
  const chosen = outputs[at]
  if (chosen === undefined) throw new Error('there is no output')
  const wrong = [
    outputs.toSpliced(at, 1),
    outputs.toSpliced(at, 0, chosen),
    outputs.with(at, { ...chosen, value: Buffer.from('something else') }),
  ]
  for (const altered of wrong) expect(application.check({ ...result, outputs: altered })).not.toEqual([])
  const last = inputs.at(-1)
  if (last === undefined) throw new Error('there is no input')
  // So late that every window before it is over.
  const more = { ...last, offset: last.offset + 1, timestamp: last.timestamp + 10_000_000, value: Buffer.from('n9999') }
  expect(application.check({ ...result, inputs: [...inputs, more] })).not.toEqual([])
})

test('an application that is not there is named with those that are', () => {
  expect(() => applicationNamed('windws')).toThrow('there is no application windws; there are counter, trades, windows, join')
})
