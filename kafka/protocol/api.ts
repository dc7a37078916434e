import { UnsupportedVersionError } from '../../ports/broker.ts'
import type { RequestWriter } from './request-writer.ts'
import type { ResponseReader } from './response-reader.ts'

/**
 * One Kafka API: how its request is written and its response read, for a range of versions. Only flexible versions are
 * spoken (request header 2, response header 1), which every broker since 3.0 has.
 */
export interface Api<Request, Response> {
  readonly key: number
  readonly name: string
  readonly minVersion: number
  readonly maxVersion: number
  /** The Kafka release that brought `minVersion`, for the message about a broker that is too old. */
  readonly since: string
  write(writer: RequestWriter, request: Request, version: number): void
  /** `request` is what was asked: answers leave out what the asker knows. */
  read(reader: ResponseReader, version: number, request: Request): Response
}

export interface VersionRange {
  readonly min: number
  readonly max: number
}

/** The highest version that both speak. Throws `UnsupportedVersionError`. */
export function chooseVersion<Request, Response>(api: Api<Request, Response>, offered: VersionRange | undefined, broker: string): number {
  const version = Math.min(api.maxVersion, offered?.max ?? -1)
  if (offered && version >= Math.max(api.minVersion, offered.min)) return version
  const found = offered ? `offers versions ${offered.min} to ${offered.max}` : 'does not offer it'
  throw new UnsupportedVersionError(
    `${api.name}: ${broker} ${found}, versions ${api.minVersion} to ${api.maxVersion} are spoken here. Kafka ${api.since} or later is needed.`,
  )
}

/** Requests list partitions by topic; each topic once, in the order of first mention. */
export function byTopic<Item extends { readonly topic: string }>(items: readonly Item[]): [topic: string, items: Item[]][] {
  const topics = new Map<string, Item[]>()
  for (const item of items) {
    const known = topics.get(item.topic)
    if (known) known.push(item)
    else topics.set(item.topic, [item])
  }
  return [...topics]
}

/** Writes the usual layout: topics, each with a name and partitions. `write` writes one partition's fields. */
export function writeTopics<Item extends { readonly topic: string }>(writer: RequestWriter, items: readonly Item[], write: (item: Item) => void): void {
  writer.array(byTopic(items), ([topic, partitions]) => {
    writer.string(topic)
    writer.array(partitions, (item) => {
      write(item)
      writer.noTags()
    })
    writer.noTags()
  })
}

/** Reads the usual layout of an answer into a flat list. `read` reads one partition's fields. */
export function readTopics<Item>(reader: ResponseReader, read: (topic: string) => Item): Item[] {
  const items: Item[] = []
  reader.array(() => {
    const topic = reader.string()
    reader.array(() => {
      items.push(read(topic))
      reader.tags()
    })
    reader.tags()
  })
  return items
}
