import { spawnSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'

const SIZE_MB = 256
const CHUNK = Buffer.alloc(1 << 20)

/** A file system of a fixed size in memory: a disk that can be full without filling that of the machine. */
export class SmallDisk {
  readonly folder: string

  private constructor(folder: string) {
    this.folder = folder
  }

  /** `undefined`: this user may not mount. */
  static mount(folder: string): SmallDisk | undefined {
    mkdirSync(folder, { recursive: true })
    const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${SIZE_MB}m`, 'tradewind-small-disk', folder])
    return status === 0 ? new SmallDisk(folder) : undefined
  }

  /** Takes all the space that is left. */
  fill(): void {
    const file = openSync(this.#filler, 'w')
    try {
      for (let chunk = CHUNK; chunk.length > 0; ) {
        try {
          writeSync(file, chunk)
        } catch (error) {
          if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error
          // the last pages too
          chunk = chunk.length > 1 ? chunk.subarray(0, chunk.length >> 1) : chunk.subarray(0, 0)
        }
      }
    } finally {
      closeSync(file)
    }
  }

  free(): void {
    rmSync(this.#filler, { force: true })
  }

  unmount(): void {
    spawnSync('umount', ['--lazy', this.folder])
  }

  get #filler(): string {
    return join(this.folder, 'filler')
  }
}
