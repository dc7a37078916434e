import type { AddressInfo } from 'node:net'
import { type TypeBoxTypeProvider, TypeBoxValidatorCompiler } from '@fastify/type-provider-typebox'
import Fastify, { type FastifyReply, type FastifyRequest } from 'fastify'
import type { GatewayServer } from '../../api/gateway-parts.ts'
import { dashboardRoutes } from '../../api/routes/dashboard.ts'

/** What a call answers: a body, or what makes one; `undefined` leaves it without an answer. */
export type Canned = object | ((request: FastifyRequest, reply: FastifyReply) => object | Promise<object> | undefined)

/** The dashboard on answers that a test sets: for states that a running stack is rarely in. */
export class CannedGateway {
  /** By method and path below /api/v1, such as `GET /health`. */
  readonly answers = new Map<string, Canned>()
  /** The calls that came. */
  readonly calls: string[] = []
  #server: GatewayServer | undefined
  #port = 0

  get url(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  /** Listens, again where it did before. */
  async start(): Promise<void> {
    const server = Fastify({ forceCloseConnections: true }).withTypeProvider<TypeBoxTypeProvider>()
    server.setValidatorCompiler(TypeBoxValidatorCompiler)
    await dashboardRoutes(server)
    server.all('/api/v1/*', async (request, reply) => this.#answer(request, reply))
    await server.listen({ host: '127.0.0.1', port: this.#port })
    this.#port = (server.server.address() as AddressInfo).port // it listens on TCP
    this.#server = server
  }

  /** Nobody is there any more. */
  async stop(): Promise<void> {
    await this.#server?.close()
    this.#server = undefined
  }

  #answer(request: FastifyRequest, reply: FastifyReply): FastifyReply | Promise<FastifyReply> {
    const call = `${request.method} ${request.url.replace('/api/v1', '').replace(/\?.*/, '')}`
    this.calls.push(call)
    const canned = this.answers.get(call)
    if (canned === undefined) return reply.code(404).type('application/problem+json').send(JSON.stringify({ type: 'urn:tradewind:problem:not-found', title: 'Not found', status: 404, detail: `nothing is known of ${call}` }))
    const body = typeof canned === 'function' ? canned(request, reply) : canned
    // Fastify waits for what is never sent.
    if (body === undefined) return new Promise(() => {})
    return body instanceof Promise ? body.then((later) => reply.send(later)) : reply.send(body)
  }
}

/** A problem document as an answer. */
export function problem(status: number, detail: string): Canned {
  return (_request, reply) => {
    reply.code(status).type('application/problem+json')
    return { type: 'urn:tradewind:problem:test', title: 'Not available now', status, detail }
  }
}
