import { createHash } from 'node:crypto'
import { gunzipSync } from 'node:zlib'
import { type TypeBoxTypeProvider, TypeBoxValidatorCompiler } from '@fastify/type-provider-typebox'
import Fastify from 'fastify'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { GatewayServer } from '../gateway-parts.ts'
import { answerWithProblems } from '../problem.ts'
import { dashboardRoutes } from './dashboard.ts'

const unexpected: Error[] = []
let server: GatewayServer
let html = ''

beforeAll(async () => {
  server = Fastify().withTypeProvider<TypeBoxTypeProvider>()
  server.setValidatorCompiler(TypeBoxValidatorCompiler)
  answerWithProblems(server, (error) => unexpected.push(error))
  await dashboardRoutes(server)
  html = (await server.inject('/')).body
})
afterAll(() => server.close())

/** Of a file of ours, with the hash that its document knows. */
function path(file: string): string {
  return `${/\/dashboard\/[0-9a-f]+\//.exec(html)?.[0]}${file}`
}

test('every page is the same document, checked anew each time', async () => {
  for (const page of ['/', '/topology', '/groups', '/instances', '/sinks', '/trades', '/trade?id=T1', '/audit', '/dead-letters', '/send']) {
    const { statusCode, headers, body } = await server.inject(page)
    expect([page, statusCode, headers['content-type'], headers['cache-control'], body === html]).toEqual([page, 200, 'text/html; charset=utf-8', 'no-cache', true])
  }
  const etag = String((await server.inject('/')).headers.etag)
  const again = await server.inject({ url: '/', headers: { 'if-none-match': etag } })
  expect([again.statusCode, again.body]).toEqual([304, ''])
  expect((await server.inject({ url: '/', headers: { 'if-none-match': '"another"' } })).statusCode).toBe(200)
})

test('all that the document names is there, and kept for a year', async () => {
  const named = [...new Set([...html.matchAll(/"(\/dashboard\/[^"]+)"/g)].map(([, path]) => path ?? ''))]
  expect(named.length).toBeGreaterThan(30)
  for (const path of named) {
    const { statusCode, headers } = await server.inject(path)
    expect([path, statusCode, headers['cache-control']]).toEqual([path, 200, 'public, max-age=31536000, immutable'])
  }
  const fonts = (await server.inject(path('fonts.css'))).body
  for (const [, font = ''] of fonts.matchAll(/url\(([^)]+)\)/g)) expect((await server.inject(font)).headers['content-type']).toBe('font/woff2')
})

test('only its own scripts run, and only its own addresses are called', async () => {
  const policy = String((await server.inject('/')).headers['content-security-policy'])
  const importMap = /<script type="importmap">([^<]*)<\/script>/.exec(html)?.[1] ?? ''
  expect(policy).toContain(`script-src 'self' 'sha256-${createHash('sha256').update(importMap).digest('base64')}'`)
  expect(policy).toContain("default-src 'none'")
  expect(policy).not.toContain('unsafe')
  expect(html.replace(importMap, '')).not.toMatch(/<script[^>]*>[^<]/)
})

test('text is compressed for who takes it', async () => {
  const { headers, rawPayload } = await server.inject({ url: path('app.js'), headers: { 'accept-encoding': 'br, gzip' } })
  expect([headers['content-encoding'], headers.vary]).toEqual(['gzip', 'accept-encoding'])
  expect(gunzipSync(rawPayload).toString()).toBe((await server.inject(path('app.js'))).body)
})

test('nothing else of the disk can be asked for', async () => {
  const folder = path('')
  expect((await server.inject(`${folder}pages/../app.js`)).statusCode).toBe(200)
  const paths = ['app.js', 'pages/', '../gateway.ts', '..%2fgateway.ts', '%2e%2e/gateway.ts', '..%5cgateway.ts', 'answers.ts', 'tsconfig.json', 'index.html', '', '%00', '/etc/passwd', 'constructor', '__proto__']
  for (const asked of ['/dashboard/', folder].flatMap((from) => paths.map((one) => from + one)).filter((one) => one !== path('app.js'))) {
    const { statusCode, headers } = await server.inject(asked)
    expect([asked, statusCode, headers['content-type']]).toEqual([asked, 404, 'application/problem+json'])
  }
  expect(unexpected).toEqual([])
})
