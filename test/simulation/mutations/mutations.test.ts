import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { MUTATIONS } from './mutations.ts'

const root = new URL('../../..', import.meta.url)

test('every mutation fits the code as it is: its text stands there once', () => {
  const unfit = MUTATIONS.filter(({ file, find }) => readFileSync(new URL(file, root), 'utf8').split(find).length !== 2).map(({ name, file }) => `${name} (${file})`)
  expect(unfit).toEqual([])
})

test('there are twenty at least, and each has a name of its own', () => {
  expect(new Set(MUTATIONS.map(({ name }) => name)).size).toBe(MUTATIONS.length)
  expect(MUTATIONS.length).toBeGreaterThanOrEqual(20)
})
