import { MongoClient } from 'mongodb'

export type AuditDocument = Readonly<Record<string, unknown>> & { readonly _id: string }

const DEFAULT_DATABASE = 'tradewind'

/** Visits every document of the collection `audit`. For checks. */
export async function readAudit(url: string, visit: (document: AuditDocument) => void): Promise<void> {
  const client = new MongoClient(url)
  try {
    await client.connect()
    const database = client.db(/^[^/]+:\/\/[^/]+\/[^?]/.test(url) ? undefined : DEFAULT_DATABASE)
    for await (const document of database.collection<AuditDocument>('audit').find({}, { batchSize: 10_000 })) visit(document)
  } finally {
    await client.close()
  }
}
