import { hex, pick } from './trade-text.ts'
import type { Mulberry32, WorkloadHeader } from './workload.ts'

export interface Decoration {
  readonly headers: readonly WorkloadHeader[]
  /** The request id that counts, if there is one. */
  readonly requestId: string | undefined
}

/** Headers as producers send them: traces, requests with good and useless ids, and what is nobody's business. `serial` makes request ids unique. */
export function decoration(serial: number, requestShare: number, chance: Mulberry32): Decoration {
  const headers: WorkloadHeader[] = []
  if (chance.next() < 0.2) headers.push(traceparent(chance))
  if (chance.next() < 0.1) headers.push(...pick(FOREIGN, chance))
  if (chance.next() >= requestShare) return { headers, requestId: undefined }
  const id = requestIdOf(serial, chance)
  const draw = chance.next()
  if (draw < 0.05) {
    headers.push({ key: 'request-id', value: pick(USELESS_IDS, chance) })
    return { headers, requestId: undefined }
  }
  if (draw < 0.1) {
    // the last one counts, also where it is of no use
    headers.push({ key: 'request-id', value: Buffer.from(`earlier-${id}`.slice(0, 200)) }, { key: 'between', value: null })
    if (draw < 0.07) {
      headers.push({ key: 'request-id', value: pick(USELESS_IDS, chance) })
      return { headers, requestId: undefined }
    }
  }
  headers.push({ key: 'request-id', value: Buffer.from(id) })
  return { headers, requestId: id }
}

export function traceparent(chance: Mulberry32): WorkloadHeader {
  return { key: 'traceparent', value: Buffer.from(`00-1${hex(16, chance).slice(1)}-1${hex(8, chance).slice(1)}-01`) }
}

const USELESS_IDS = [Buffer.alloc(0), null, Buffer.from([0xff, 0xfe, 0x31]), Buffer.alloc(201, 'r')]

const FOREIGN: readonly (readonly WorkloadHeader[])[] = [
  [{ key: 'source', value: Buffer.from('desk 7') }, { key: 'source', value: Buffer.from('desk 8') }],
  [{ key: 'nothing', value: null }, { key: 'empty', value: Buffer.alloc(0) }],
  [{ key: 'bytes', value: Buffer.from([0, 255, 128, 10]) }],
  [{ key: '', value: Buffer.from('no name') }, { key: 'Ünï 🚢', value: Buffer.from('names are UTF-8') }],
  [{ key: 'Request-Id', value: Buffer.from('another name') }],
  [{ key: 'traceparent', value: Buffer.from('not a trace') }],
]

function requestIdOf(serial: number, chance: Mulberry32): string {
  const draw = chance.next()
  if (draw < 0.6) return `${Math.floor(chance.next() * 12)}-${1_767_225_600_000 + serial}-${hex(4, chance)}-${hex(2, chance)}-4${hex(2, chance).slice(1)}-8${hex(2, chance).slice(1)}-${hex(6, chance)}-${hex(16, chance)}`
  if (draw < 0.9) return `order-${serial}`
  return draw < 0.95 ? `Ünï ${serial} 🚢` : `${serial}-`.padEnd(200, 'r')
}
