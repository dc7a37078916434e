import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type AssignorMember, assignSticky } from './sticky-assignor.ts'

const member = (memberId: string, options: Partial<AssignorMember> = {}): AssignorMember => ({ memberId, topics: ['t'], ownedPartitions: [], generationId: -1, ...options })
const numbers = (assignment: ReturnType<typeof assignSticky>, memberId: string) => assignment.get(memberId)?.map(({ partition }) => partition)
const partitions = (...list: number[]) => list.map((partition) => ({ topic: 't', partition }))

test('partitions stay where they are as far as the share goes', () => {
  const counts = new Map([['t', 5]])
  const alone = assignSticky([member('a')], counts)
  expect(numbers(alone, 'a')).toEqual([0, 1, 2, 3, 4])
  const both = assignSticky([member('b'), member('a', { ownedPartitions: partitions(0, 1, 2, 3, 4), generationId: 1 })], counts)
  expect([numbers(both, 'a'), numbers(both, 'b')]).toEqual([[0, 1, 2], [3, 4]])
  const back = assignSticky([member('b', { ownedPartitions: partitions(3, 4), generationId: 2 })], counts)
  expect(numbers(back, 'b')?.sort()).toEqual([0, 1, 2, 3, 4])
})

test('of two that claim a partition the one of the later generation has it', () => {
  const assignment = assignSticky([member('a', { ownedPartitions: partitions(0), generationId: 3 }), member('b', { ownedPartitions: partitions(0), generationId: 4 })], new Map([['t', 2]]))
  expect(numbers(assignment, 'b')).toEqual([0])
})

test('a topic goes to those who subscribe to it', () => {
  const assignment = assignSticky([member('a', { topics: ['t', 'new'] }), member('b')], new Map([['t', 2], ['new', 2]]))
  expect(assignment.get('b')?.every(({ topic }) => topic === 't')).toBe(true)
  expect([...assignment.values()].flat()).toHaveLength(4)
})

test('each partition has one owner, shares differ by one at most, and a second round changes nothing', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 6 }), fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 3 }), fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 30 }), (size, sizes, owners) => {
      const topics = sizes.map((_, i) => `t${i}`)
      const counts = new Map(topics.map((topic, i) => [topic, sizes[i] ?? 0]))
      const all = topics.flatMap((topic) => Array.from({ length: counts.get(topic) ?? 0 }, (_, partition) => ({ topic, partition })))
      const members = Array.from({ length: size }, (_, i) => member(`m${i}`, { topics, ownedPartitions: all.filter((_, at) => owners[at] === i), generationId: 1 }))
      const first = assignSticky(members, counts)
      const shares = [...first.values()]
      expect(shares.flat().map(({ topic, partition }) => `${topic}-${partition}`).sort()).toEqual(all.map(({ topic, partition }) => `${topic}-${partition}`).sort())
      expect(Math.max(...shares.map((share) => share.length)) - Math.min(...shares.map((share) => share.length))).toBeLessThanOrEqual(1)
      const again = assignSticky(members.map((one) => ({ ...one, ownedPartitions: first.get(one.memberId) ?? [], generationId: 2 })), counts)
      for (const { memberId } of members) expect(new Set(again.get(memberId))).toEqual(new Set(first.get(memberId)))
    }),
  )
})
