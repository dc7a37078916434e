import { close, constants, fdatasync, fstat, ftruncate, promises as fs, open, read, readSync, writev } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { promisify } from 'node:util'
import type { Disk, DiskFile, DiskLock } from '../ports/disk.ts'

const openFile = promisify(open)
const statFile = promisify(fstat)
const syncFile = promisify(fdatasync)
const truncateFile = promisify(ftruncate)
const closeFile = promisify(close)

/** The file system of the machine. */
export const nodeDisk: Disk = {
  async open(path: string): Promise<DiskFile> {
    const descriptor = await openFile(path, READ_WRITE_CREATE)
    return new NodeFile(descriptor, (await statFile(descriptor)).size)
  },

  list: (path: string) => orIfAbsent(fs.readdir(path), []),

  async makeDirectory(path: string): Promise<void> {
    await fs.mkdir(path, { recursive: true })
  },

  read: (path: string) => orIfAbsent<Buffer | undefined>(fs.readFile(path), undefined),

  async replace(path: string, content: Uint8Array): Promise<void> {
    const temporary = `${path}.tmp`
    await fs.writeFile(temporary, content, { flush: true })
    await fs.rename(temporary, path)
    await syncDirectory(dirname(path))
  },

  rename: (from: string, to: string) => fs.rename(from, to),
  unlink: (path: string) => fs.unlink(path),
  removeDirectory: (path: string) => fs.rm(path, { recursive: true, force: true }),
  syncDirectory,

  async identity(path: string): Promise<string> {
    const { ino, birthtimeNs } = await fs.stat(path, { bigint: true })
    // Some network file systems know no time of birth (0): the inode has to do.
    return birthtimeNs > 0n ? `${ino}-${birthtimeNs}` : `${ino}`
  },

  /**
   * SQLite's exclusive lock: a record lock of the operating system (fcntl; LockFileEx on Windows) that the kernel takes back when the process ends, however it ends, and that holds
   * across containers that share the directory; SQLite itself keeps connections of one process apart, worker threads too, which fcntl does not. Nothing is ever written into the file.
   * Nobody else may open and close it: in one process, that would drop the lock.
   */
  async lock(path: string): Promise<DiskLock | undefined> {
    const database = new DatabaseSync(path, { timeout: 0 })
    try {
      database.exec('BEGIN EXCLUSIVE')
    } catch (error) {
      database.close()
      if (isSqliteBusy(error)) return undefined
      throw error
    }
    return {
      async release() {
        if (database.isOpen) database.close()
      },
    }
  },
}

/** Not O_APPEND: writes go to the end that this object knows, whatever an append that failed has left behind it. */
const READ_WRITE_CREATE = constants.O_RDWR | constants.O_CREAT

class NodeFile implements DiskFile {
  sizeBytes: number
  readonly #descriptor: number

  constructor(descriptor: number, sizeBytes: number) {
    this.#descriptor = descriptor
    this.sizeBytes = sizeBytes
  }

  async append(chunks: readonly Uint8Array[]): Promise<void> {
    let remaining = chunks
    while (remaining.length > 0) {
      const written = await writeOnce(this.#descriptor, remaining, this.sizeBytes)
      this.sizeBytes += written
      remaining = behind(remaining, written)
    }
  }

  readSync(target: Uint8Array, position: number): number {
    let filled = readSync(this.#descriptor, target, 0, target.length, position)
    while (filled < target.length) {
      const more = readSync(this.#descriptor, target, filled, target.length - filled, position + filled)
      if (more === 0) break
      filled += more
    }
    return filled
  }

  async read(target: Uint8Array, position: number): Promise<number> {
    let filled = 0
    while (filled < target.length) {
      const more = await readOnce(this.#descriptor, target.subarray(filled), position + filled)
      if (more === 0) break
      filled += more
    }
    return filled
  }

  sync(): Promise<void> {
    return syncFile(this.#descriptor)
  }

  async truncate(sizeBytes: number): Promise<void> {
    await truncateFile(this.#descriptor, sizeBytes)
    this.sizeBytes = sizeBytes
  }

  close(): Promise<void> {
    return closeFile(this.#descriptor)
  }
}

function writeOnce(descriptor: number, chunks: readonly Uint8Array[], position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    writev(descriptor, chunks, position, (error, written) => (error === null ? resolve(written) : reject(error)))
  })
}

function readOnce(descriptor: number, target: Uint8Array, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    read(descriptor, target, 0, target.length, position, (error, filled) => (error === null ? resolve(filled) : reject(error)))
  })
}

/** What is left of the chunks after the first `written` bytes. A file system may take less than it was given, for instance when the disk is nearly full. */
function behind(chunks: readonly Uint8Array[], written: number): Uint8Array[] {
  const left: Uint8Array[] = []
  let skip = written
  for (const chunk of chunks) {
    if (skip < chunk.length) left.push(skip > 0 ? chunk.subarray(skip) : chunk)
    skip = Math.max(0, skip - chunk.length)
  }
  return left
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await fs.open(path, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

async function orIfAbsent<T>(result: Promise<T>, absent: T): Promise<T> {
  try {
    return await result
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return absent
    throw error
  }
}

/** SQLITE_BUSY, the primary code of it. */
function isSqliteBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number' && (error.errcode & 0xff) === 5
}
