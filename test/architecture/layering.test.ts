import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { parse, productFiles, type SourceFile } from './source-file.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const files = productFiles(root)

/** Who may import whom: folder to the folders (or parts of them) that it may import; `type` in front allows types only. */
const LAYERS: Readonly<Record<string, readonly string[]>> = {
  ports: [],
  records: [],
  serdes: ['ports', 'records'],
  stores: ['ports', 'records'],
  kafka: ['ports', 'records'],
  config: ['ports', 'records'],
  observability: ['ports', 'records'],
  engine: ['ports', 'records', 'serdes', 'stores', 'config', 'observability'],
  // records too: keys, values and headers are views on bytes (docs/decisions/processors-see-bytes.md)
  processors: ['serdes', 'records', 'type engine'],
  topology: ['engine/dsl', 'processors', 'serdes'],
  testing: ['ports', 'engine', 'kafka'],
  sinks: ['ports', 'records', 'serdes', 'observability'],
  // records too: what it produces and what it reads from stores are bytes; observability: it measures
  api: ['ports', 'records', 'processors', 'serdes', 'engine', 'observability', 'type topology'],
}

/** The only places that may know a package. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  '@platformatic/kafka': ['kafka/'],
  lmdb: ['stores/'],
  // cli: the pool that the gateway's parts share
  pg: ['sinks/postgres/', 'api/', 'cli/gateway.ts'],
  mongodb: ['sinks/mongo/', 'api/', 'cli/gateway.ts'],
  fastify: ['api/'],
  '@fastify/rate-limit': ['api/'],
  '@fastify/swagger': ['api/'],
  '@fastify/swagger-ui': ['api/'],
  '@fastify/type-provider-typebox': ['api/'],
  typebox: ['api/'],
  kafkajs: [],
}

/** What runs in a stream thread or a sink task, and so in the simulation: time, chance, files and sockets come through ports. */
const PURE = ['records', 'serdes', 'stores', 'kafka', 'engine', 'processors', 'topology', 'sinks']

/** Where these folders touch the outside: they implement a port, or are given to one. */
const ADAPTERS = ['kafka/connection.ts', 'kafka/connections.ts', 'kafka/link.ts', 'stores/node-disk.ts', 'sinks/postgres/postgres-database.ts', 'sinks/mongo/mongo-database.ts', 'sinks/mongo/answered-within.ts']

const IMPURE_MODULES = ['worker_threads', 'fs', 'fs/promises', 'net', 'tls', 'dgram', 'http', 'https', 'child_process', 'timers', 'perf_hooks', 'os', 'process']
const IMPURE_CODE: readonly [string, RegExp][] = [
  // a Date of a given time is a value; what asks for the present is not
  ['the present time', /\bDate\.now\b|\bnew Date\(\s*\)|(?<!new )\bDate\(|\bperformance\.|\bhrtime\b/],
  ['chance', /\bMath\.random\b|\brandomUUID\b|\brandomBytes\b|\bgetRandomValues\b/],
  ['timers', /\b(setTimeout|setInterval|setImmediate)\b/],
]

test('a folder imports only what lies below it', () => {
  const violations = files.flatMap((file) => file.imports.flatMap(({ path, typeOnly }) => (path === undefined || mayImport(file.path, path, typeOnly) ? [] : `${file.path} imports ${path}`)))
  expect(violations).toEqual([])
})

test('a package is known in one place', () => {
  const violations = files.flatMap((file) =>
    file.imports.flatMap(({ module = '' }) => {
      const places = PACKAGES[module]
      return places === undefined || places.some((place) => file.path.startsWith(place)) ? [] : `${file.path} imports ${module}`
    }),
  )
  expect(violations).toEqual([])
})

test('what can be rehearsed knows no time, chance, timers, files, sockets and threads', () => {
  const pure = files.filter(({ path }) => PURE.includes(folderOf(path)) && !ADAPTERS.includes(path))
  expect(pure.flatMap(impurities)).toEqual([])
})

test('the rules above find what they look for', () => {
  const text = `import { readFile } from 'node:fs/promises'\nimport type { Task } from '../engine/task.ts' // Date.now()\nconst a = 'Math.random'\nsetTimeout(x)\nawait import('../api/a.ts')`
  const file = parse('processors/a.ts', text)
  expect(impurities(file)).toEqual(['processors/a.ts imports node:fs/promises', 'processors/a.ts uses timers'])
  expect(file.imports.map(({ path, typeOnly }) => path === undefined || mayImport(file.path, path, typeOnly))).toEqual([true, true, false])
  expect(mayImport('processors/a.ts', 'engine/task.ts', false)).toBe(false)
  expect(mayImport('topology/a.ts', 'engine/task.ts', false)).toBe(false)
  expect(files.length).toBeGreaterThan(0)
})

function mayImport(from: string, to: string, typeOnly: boolean): boolean {
  const allowed = LAYERS[folderOf(from)]
  if (allowed === undefined || folderOf(from) === folderOf(to)) return true
  return allowed.some((rule) => (typeOnly && to.startsWith(`${rule.replace('type ', '')}/`)) || to.startsWith(`${rule}/`))
}

function impurities(file: SourceFile): string[] {
  const modules = file.imports.filter(({ module = '', typeOnly }) => !typeOnly && IMPURE_MODULES.includes(module)).map(({ specifier }) => `${file.path} imports ${specifier}`)
  return [...modules, ...IMPURE_CODE.flatMap(([what, pattern]) => (pattern.test(file.code) ? `${file.path} uses ${what}` : []))]
}

function folderOf(path: string): string {
  return path.split('/')[0] ?? ''
}
