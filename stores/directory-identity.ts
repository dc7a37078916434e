import type { Disk } from '../ports/disk.ts'
import { StateDirectoryError } from './state-directory-error.ts'

/** Who a state directory belongs to. */
export interface DirectoryIdentity {
  readonly clusterId: string
  readonly applicationId: string
  readonly processId: string
  /** `Disk.identity` of the file that this is written in: a copy of the file has another. */
  readonly self: string
}

export const IDENTITY_FILE = 'identity.json'
/** Layout of the directory. A later one must not be touched by this version. */
const FORMAT = 1

/** @throws StateDirectoryError if the file is there and cannot be understood. */
export async function readIdentity(disk: Disk, directory: string): Promise<DirectoryIdentity | undefined> {
  const path = `${directory}/${IDENTITY_FILE}`
  const content = await disk.read(path)
  if (content === undefined) return undefined
  const identity = parse(content)
  if (identity === undefined) {
    throw new StateDirectoryError(
      'damaged',
      `${path} cannot be read. Expected: JSON with format, clusterId, applicationId, processId and self. Restore the file, or remove the directory to have the state rebuilt from the changelog topics`,
    )
  }
  if (identity.format > FORMAT) {
    throw new StateDirectoryError(
      'newer',
      `the state in ${directory} has format ${identity.format}, this version knows formats up to ${FORMAT}. Run the version that wrote it, or a later one; or use another data directory`,
    )
  }
  return identity
}

/**
 * Writes the file so that a crash leaves the whole of it or nothing. Not with `replace`: the file has to name itself, and it is the same file before and after its renaming.
 */
export async function writeIdentity(disk: Disk, directory: string, identity: Omit<DirectoryIdentity, 'self'>): Promise<DirectoryIdentity> {
  const { clusterId, applicationId, processId } = identity
  const path = `${directory}/${IDENTITY_FILE}`
  const temporary = `${path}.new`
  const file = await disk.open(temporary)
  try {
    await file.truncate(0)
    const written = { clusterId, applicationId, processId, self: await disk.identity(temporary) }
    await file.append([Buffer.from(`${JSON.stringify({ format: FORMAT, ...written }, undefined, 2)}\n`)])
    await file.sync()
    await disk.rename(temporary, path)
    await disk.syncDirectory(directory)
    return written
  } finally {
    await file.close()
  }
}

function parse(content: Buffer): (DirectoryIdentity & { format: number }) | undefined {
  let value: unknown
  try {
    value = JSON.parse(content.toString('utf8'))
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null || !('format' in value) || typeof value.format !== 'number') return undefined
  const { format } = value
  const text = (name: string) => {
    const field: unknown = Reflect.get(value, name)
    return typeof field === 'string' ? field : undefined
  }
  const clusterId = text('clusterId')
  const applicationId = text('applicationId')
  const processId = text('processId')
  const self = text('self')
  // What a later format holds is not for this version to judge.
  if (format > FORMAT) return { format, clusterId: clusterId ?? '', applicationId: applicationId ?? '', processId: processId ?? '', self: self ?? '' }
  if (clusterId === undefined || applicationId === undefined || processId === undefined || self === undefined) return undefined
  return { format, clusterId, applicationId, processId, self }
}
