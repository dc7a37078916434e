/**
 * Files, as the runtime sees them. Appends and syncs are asynchronous, so that a slow disk never holds the event loop;
 * reads are synchronous, because a look-up in a state store is. What was appended and not synced survives the death of
 * the process, not a power cut: the simulation takes it away.
 *
 * Errors are those of the operating system, with `code` (ENOSPC, EIO, ...).
 */
export interface Disk {
  /** Opens a file for reading and appending; creates it if it is not there. */
  open(path: string): Promise<DiskFile>
  /** The names in a directory; empty if it is not there. */
  list(path: string): Promise<string[]>
  /** Creates a directory and its parents. */
  makeDirectory(path: string): Promise<void>
  /** The content of a small file, `undefined` if it is not there. */
  read(path: string): Promise<Buffer | undefined>
  /** Replaces a small file so that a crash leaves the old or the new content: temporary file, sync, rename, directory sync. */
  replace(path: string, content: Uint8Array): Promise<void>
  rename(from: string, to: string): Promise<void>
  unlink(path: string): Promise<void>
  /** Removes a directory and all that is in it. */
  removeDirectory(path: string): Promise<void>
  /** Makes creations, renames and removals in a directory survive a power cut. */
  syncDirectory(path: string): Promise<void>
  /** A text that names this very file on this file system (device-independent: inode and time of birth): a copy has another. */
  identity(path: string): Promise<string>
  /** Takes an operating system lock that ends with the process; `undefined` if another process or instance holds it. */
  lock(path: string): Promise<DiskLock | undefined>
}

export interface DiskFile {
  readonly sizeBytes: number
  /** Appends the chunks one behind the other, in one write where the system allows it. On failure nothing may be assumed about what reached the file. */
  append(chunks: readonly Uint8Array[]): Promise<void>
  /** Fills `target` from `position`; answers how many bytes there were. */
  readSync(target: Uint8Array, position: number): number
  /** The same without holding the event loop: for reading whole files. */
  read(target: Uint8Array, position: number): Promise<number>
  /** Makes what was appended survive a power cut. */
  sync(): Promise<void>
  truncate(sizeBytes: number): Promise<void>
  close(): Promise<void>
}

export interface DiskLock {
  release(): Promise<void>
}
