import { expect, test } from 'vitest'
import type { GroupGeneration } from '../ports/broker.ts'
import { GenerationWatch } from './generation-watch.ts'
import type { Membership } from './membership/membership.ts'

function watching() {
  const state: { generation: GroupGeneration | undefined } = { generation: undefined }
  const unused = () => Promise.reject(new Error('not asked for'))
  const membership: Membership = {
    get generation() {
      return state.generation
    },
    rebalancing: false,
    start() {},
    rejoin() {},
    leave: unused,
    close: unused,
  }
  const watch = new GenerationWatch(() => membership)
  const assign = (generationId: number, tasks: string[], moving: string[] = [], memberId = 'm') => {
    state.generation = { groupId: 'g', groupInstanceId: 'i', memberId, generationId }
    watch.assigned({ tasks, moving, generation: state.generation })
    return state.generation
  }
  const lose = () => {
    state.generation = undefined
    watch.lost(new Error('too long away'))
  }
  return { watch, assign, lose, state }
}

test('tasks that are to move are ours until we join without them', () => {
  const { watch, assign } = watching()
  expect(watch.current).toBeUndefined()
  assign(3, ['0_0'], ['0_1'])
  expect([...(watch.current?.tasks ?? [])]).toEqual(['0_0', '0_1'])
})

test('what an assignment takes away is not ours any more, though the membership goes on', () => {
  const { watch, assign } = watching()
  assign(3, ['0_0'], ['0_1'])
  assign(4, ['0_0'])
  expect([...(watch.current?.tasks ?? [])]).toEqual(['0_0'])
})

test('a generation that has come is not waited for; one that has not come is', async () => {
  const { watch, assign } = watching()
  const third = assign(3, ['0_0'])
  const fourth = watch.newerGeneration(third)
  assign(3, ['0_0'])
  assign(4, ['0_0'])
  await fourth
  await watch.newerGeneration(third)
})

test('a loss ends the wait, and no generation of the next membership ends it otherwise', async () => {
  const { watch, assign, lose } = watching()
  const third = assign(3, ['0_0'])
  const waiting = watch.newerGeneration(third)
  lose()
  await expect(waiting).rejects.toThrow('the membership was lost: too long away')
  // asked for after the loss: the answer that says so may be late
  await expect(watch.newerGeneration(third)).rejects.toThrow('the membership was lost')
  assign(9, ['0_0'])
  await expect(watch.newerGeneration(third)).rejects.toThrow('the membership was lost')
})

test('the same under another member id', async () => {
  const { watch, assign, lose } = watching()
  const third = assign(3, ['0_0'])
  lose()
  assign(1, ['0_0'], [], 'other')
  await expect(watch.newerGeneration(third)).rejects.toThrow('the membership was lost')
})

test('a session that is over on our clock leaves nothing to commit under', () => {
  const { watch, assign, state } = watching()
  assign(3, ['0_0'])
  state.generation = undefined
  expect(watch.current).toBeUndefined()
})
