import { QueryServer, type QueryServerOptions } from '../api/queries/query-server.ts'
import type { Settings } from '../config/settings.ts'
import { PersonsMistake } from './exit.ts'

export interface QueryListener {
  /** `host:port`, as gateways reach it. */
  readonly address: string
  close(): Promise<void>
}

/** Answers look-ups for one stream thread where the settings say. @throws PersonsMistake where that cannot be listened on. */
export async function listenForQueries(settings: Settings, number: number, options: Pick<QueryServerOptions, 'get' | 'expire'>): Promise<QueryListener> {
  const { host, port } = hostAndPort(settings['queries.listen'])
  const wanted = port === 0 ? 0 : port + number
  const server = await QueryServer.listen({ ...options, host, port: wanted }).catch((error: unknown) => {
    throw new PersonsMistake(`queries.listen: ${error instanceof Error ? error.message : String(error)}; choose an address of this machine, and a port that nothing else listens on`, { cause: error })
  })
  const advertised = settings['queries.advertise']
  const seen = advertised === undefined ? undefined : hostAndPort(advertised)
  const address = seen === undefined ? `${host}:${server.port}` : `${seen.host}:${seen.port === 0 ? server.port : seen.port + number}`
  return { address, close: () => server.close() }
}

/** `[::1]:80` is the host `::1`. */
export function hostAndPort(text: string): { host: string; port: number } {
  const colon = text.lastIndexOf(':')
  return { host: text.slice(0, colon).replace(/^\[(.*)\]$/, '$1'), port: Number(text.slice(colon + 1)) }
}
