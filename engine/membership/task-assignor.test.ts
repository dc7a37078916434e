import fc from 'fast-check'
import { expect, test } from 'vitest'
import { assignTasks, type MemberClaim } from './task-assignor.ts'

const TASKS = Array.from({ length: 12 }, (_, partition) => `0_${partition}`)

function member(name: string, ownedTasks: string[] = [], generationId = ownedTasks.length === 0 ? -1 : 5): MemberClaim {
  return { memberId: `id-${name}`, name, topologyHash: 'h', ownedTasks, generationId }
}

test('a lone member gets everything', () => {
  const assignment = assignTasks([member('a')], TASKS, 'h')
  expect(assignment.get('id-a')).toEqual({ tasks: TASKS, moving: [] })
})

test('a joining member gets nothing that another still has; the surplus is asked back', () => {
  const first = assignTasks([member('a', TASKS), member('b')], TASKS, 'h')
  expect(first.get('id-a')?.tasks).toHaveLength(6)
  expect(first.get('id-a')?.moving).toHaveLength(6)
  expect(first.get('id-b')?.tasks).toEqual([])
  const kept = first.get('id-a')?.tasks ?? []
  const second = assignTasks([member('a', kept, 6), member('b', [], 6)], TASKS, 'h')
  expect(second.get('id-a')).toEqual({ tasks: kept, moving: [] })
  expect(second.get('id-b')?.tasks.toSorted()).toEqual(TASKS.filter((task) => !kept.includes(task)).toSorted())
})

test('claims of an older generation are void', () => {
  const assignment = assignTasks([member('a', TASKS, 4), member('b', ['0_0'], 5)], TASKS, 'h')
  expect(assignment.get('id-a')?.moving).toEqual([])
  expect(assignment.get('id-b')?.tasks).toContain('0_0')
})

test('tasks go only to members that run this topology', () => {
  const assignment = assignTasks([{ ...member('a'), topologyHash: 'other' }, member('b')], TASKS, 'h')
  expect(assignment.get('id-a')).toEqual({ tasks: [], moving: [] })
  expect(assignment.get('id-b')?.tasks).toEqual(TASKS)
})

test('any members, any claims: each task runs once at most, loads are even once nothing moves, and who has a task is never robbed of it', () => {
  const claims = fc.uniqueArray(fc.record({ name: fc.stringMatching(/^[a-e]$/), wants: fc.subarray(TASKS), generation: fc.integer({ min: 4, max: 5 }) }), { selector: ({ name }) => name, minLength: 1 })
  fc.assert(
    fc.property(claims, (drawn) => {
      const taken = new Set<string>()
      const members = drawn.map(({ name, wants, generation }) => {
        const own = wants.filter((task) => !taken.has(task))
        for (const task of own) taken.add(task)
        return { ...member(name, own), generationId: generation }
      })
      const assignment = assignTasks(members, TASKS, 'h')
      const given = [...assignment.values()].flatMap(({ tasks }) => tasks)
      expect(new Set(given).size).toBe(given.length)
      const moving = [...assignment.values()].flatMap((one) => one.moving)
      expect(new Set([...given, ...moving])).toEqual(new Set(TASKS))
      const newest = Math.max(...members.map(({ generationId }) => generationId))
      for (const { memberId, ownedTasks, generationId } of members) {
        for (const task of ownedTasks) {
          if (generationId < newest) continue
          const mine = assignment.get(memberId)
          expect(mine?.tasks.includes(task) || mine?.moving.includes(task)).toBe(true)
        }
      }
      const loads = [...assignment.values()].map(({ tasks }) => tasks.length)
      if (moving.length === 0) expect(Math.max(...loads) - Math.min(...loads)).toBeLessThanOrEqual(1)
      expect(Math.max(...loads)).toBeLessThanOrEqual(Math.ceil(TASKS.length / members.length))
    }),
  )
})
