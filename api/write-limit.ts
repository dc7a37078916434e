import rateLimit from '@fastify/rate-limit'
import type { Gateway, GatewayServer } from './gateway-parts.ts'
import { ProblemError } from './problem.ts'

const WINDOW_MS = 1_000

/** Limits the writing calls of a caller, at one address, to so many a second; `undefined`: they are not limited. A batch is one call. */
export async function writeLimit(server: GatewayServer, writesPerSecond: number | undefined): Promise<Gateway['limitWrites']> {
  if (writesPerSecond === undefined) return async () => {}
  // Asked for where the caller is known, in one place, instead of in each route.
  await server.register(rateLimit, { global: false })
  const keys = new WeakMap<object, string>()
  const check = server.createRateLimit({ max: writesPerSecond, timeWindow: WINDOW_MS, keyGenerator: (request) => keys.get(request) ?? request.ip })
  return async (caller, request) => {
    keys.set(request, `${caller.name} ${request.ip}`)
    const found = await check(request)
    if (found.isAllowed || !found.isExceeded) return
    throw new ProblemError({
      status: 429,
      name: 'too-many-requests',
      title: 'Too many requests',
      detail: `more than ${writesPerSecond} writing calls a second (http.writesPerSecond): nothing was written; try again a little later, or send many trades in one call to /api/v1/trades:batch`,
      retryAfterS: Math.max(1, found.ttlInSeconds),
    })
  }
}
