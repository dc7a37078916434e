import { inflateRawSync } from 'node:zlib'

/** The bytes of one file of a zip archive (a jar). Throws if it is not there. */
export function zipEntry(archive: Buffer, name: string): Buffer {
  const directoryEnd = archive.lastIndexOf(END_OF_DIRECTORY)
  const entries = archive.readUInt16LE(directoryEnd + 10)
  let at = archive.readUInt32LE(directoryEnd + 16)
  for (let i = 0; i < entries; i++) {
    const [nameLength, extraLength, commentLength] = [archive.readUInt16LE(at + 28), archive.readUInt16LE(at + 30), archive.readUInt16LE(at + 32)]
    if (archive.toString('utf8', at + 46, at + 46 + nameLength) === name) return content(archive, at)
    at += 46 + nameLength + extraLength + commentLength
  }
  throw new Error(`the archive has no file ${name}`)
}

const END_OF_DIRECTORY = Buffer.from('504b0506', 'hex')
const STORED = 0

function content(archive: Buffer, entry: number): Buffer {
  const local = archive.readUInt32LE(entry + 42)
  const start = local + 30 + archive.readUInt16LE(local + 26) + archive.readUInt16LE(local + 28)
  const bytes = archive.subarray(start, start + archive.readUInt32LE(entry + 20))
  return archive.readUInt16LE(entry + 10) === STORED ? bytes : inflateRawSync(bytes)
}
