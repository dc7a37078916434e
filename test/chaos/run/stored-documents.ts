import { BSON, type Db } from 'mongodb'
import type { StoredDocument } from './document-comparison.ts'

/** All documents of a collection. Read here, not by the driver, which hands out the bytes of an array in place of the array where its field is called `constructor`, `toString` or the like: it looks names up in an object that inherits them. */
export async function* storedDocuments(db: Db, collection: string): AsyncGenerator<StoredDocument> {
  // asked for as bytes, they come as bytes
  for await (const bytes of db.collection(collection).find({}, { batchSize: 10_000, raw: true }) as AsyncIterable<unknown> as AsyncIterable<Uint8Array>) yield BSON.deserialize(bytes) as StoredDocument
}
