import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { type DashboardFile, readDashboard } from '../dashboard-files.ts'
import type { GatewayServer } from '../gateway-parts.ts'
import { notFound } from '../problem.ts'

/** The document of all of them is the same; `api/dashboard/app.js` shows the page. */
const PAGES = ['/', '/topology', '/groups', '/instances', '/sinks', '/trades', '/trade', '/audit', '/dead-letters', '/send']
const YEAR_S = 31_536_000
const compress = promisify(gzip)

/** The dashboard: static files, from memory. Its data comes over the same calls as anybody's. */
export async function dashboardRoutes(server: GatewayServer): Promise<void> {
  const { document, files, contentSecurityPolicy } = await readDashboard()
  const compressed = new Map<DashboardFile, Promise<Buffer>>()

  async function send(request: FastifyRequest, reply: FastifyReply, file: DashboardFile, caching: string): Promise<void> {
    reply.headers({
      'cache-control': caching,
      'content-security-policy': contentSecurityPolicy,
      'cross-origin-opener-policy': 'same-origin',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
      etag: file.etag,
      vary: 'accept-encoding',
    })
    if (request.headers['if-none-match']?.includes(file.etag) === true) {
      await reply.code(304).send()
      return
    }
    reply.type(file.type)
    const isText = /^(text|image\/svg)/.test(file.type)
    if (!isText || !/\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''))) {
      await reply.send(file.bytes)
      return
    }
    const bytes = compressed.get(file) ?? compress(file.bytes)
    compressed.set(file, bytes)
    await reply.header('content-encoding', 'gzip').send(await bytes)
  }

  for (const page of PAGES) server.get(page, { schema: { hide: true } }, (request, reply) => send(request, reply, document, 'no-cache'))
  server.get<{ Params: { '*': string } }>('/dashboard/*', { schema: { hide: true } }, async (request, reply) => {
    const file = files.get(request.params['*'])
    if (file === undefined) throw notFound('there is no such file of the dashboard')
    await send(request, reply, file, `public, max-age=${YEAR_S}, immutable`)
  })
}
