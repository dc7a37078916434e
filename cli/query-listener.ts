import { type QueryAnswers, QueryServer } from '../api/queries/query-server.ts'
import type { Settings } from '../config/settings.ts'
import { PersonsMistake } from './exit.ts'

export interface QueryListener {
  /** `host:port`, as gateways reach it. */
  readonly address: string
  close(): Promise<void>
}

/** Answers gateways for one stream thread where the settings say. @throws PersonsMistake where that cannot be listened on. */
export function listenForQueries(settings: Settings, number: number, answers: QueryAnswers): Promise<QueryListener> {
  return listen('queries.listen', { listen: settings['queries.listen'], advertise: settings['queries.advertise'] }, number, answers)
}

/** The same for a sink. */
export function listenAsSink(settings: Settings, answers: QueryAnswers): Promise<QueryListener> {
  return listen('sink.listen', { listen: settings['sink.listen'], advertise: settings['sink.advertise'] }, 0, answers)
}

async function listen(setting: string, addresses: { listen: string; advertise: string | undefined }, number: number, answers: QueryAnswers): Promise<QueryListener> {
  const { host, port } = hostAndPort(addresses.listen)
  const wanted = port === 0 ? 0 : port + number
  const server = await QueryServer.listen({ answers, host, port: wanted }).catch((error: unknown) => {
    throw new PersonsMistake(`${setting}: ${error instanceof Error ? error.message : String(error)}; choose an address of this machine, and a port that nothing else listens on`, { cause: error })
  })
  const seen = addresses.advertise === undefined ? undefined : hostAndPort(addresses.advertise)
  const address = seen === undefined ? `${host}:${server.port}` : `${seen.host}:${seen.port === 0 ? server.port : seen.port + number}`
  return { address, close: () => server.close() }
}

/** `[::1]:80` is the host `::1`. */
export function hostAndPort(text: string): { host: string; port: number } {
  const colon = text.lastIndexOf(':')
  return { host: text.slice(0, colon).replace(/^\[(.*)\]$/, '$1'), port: Number(text.slice(colon + 1)) }
}
