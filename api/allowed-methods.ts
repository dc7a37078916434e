import type { GatewayServer } from './gateway-parts.ts'

/** Which methods a path takes: for those who ask with another one. */
export class AllowedMethods {
  readonly #patterns = new Map<string, { readonly form: RegExp; readonly methods: Set<string> }>()

  /** Learns the routes that are added to `server` from now on. */
  constructor(server: GatewayServer) {
    server.addHook('onRoute', ({ url, method }) => {
      const methods = Array.isArray(method) ? method : [method]
      const known = this.#patterns.get(url) ?? { form: formOf(url), methods: new Set<string>() }
      this.#patterns.set(url, known)
      for (const one of methods) known.methods.add(one)
    })
  }

  /** Empty: there is nothing at the path. */
  of(path: string): readonly string[] {
    const found = [...this.#patterns.values()].filter(({ form }) => form.test(path)).flatMap(({ methods }) => [...methods])
    return [...new Set(found)].toSorted()
  }
}

/** `:name` stands for a part of the path, `::` for a colon, `*` for anything. */
function formOf(url: string): RegExp {
  const pieces = url.split(/(::|:\w+|\*)/).map((piece) => (piece === '::' ? ':' : piece === '*' ? '.*' : piece.startsWith(':') ? '[^/]+' : piece.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')))
  return new RegExp(`^${pieces.join('')}$`)
}
