import type { Disk, DiskFile } from '../ports/disk.ts'
import { type Failpoint, noFailpoint } from '../ports/failpoint.ts'

/**
 * Failpoints of a real process, for tests. TRADEWIND_FAILPOINT=`<name>@<n>:<action>` acts the n-th time that the place is passed:
 *
 * - `kill`, `stop`: SIGKILL or SIGSTOP to the whole process
 * - `fail`: the place throws, as if the disk was full; `full`: also every later time
 */
export function failpointFromEnvironment(environment: Record<string, string | undefined> = process.env): Failpoint {
  const match = /^(.+)@(\d+):(kill|stop|fail|full)$/.exec(environment['TRADEWIND_FAILPOINT'] ?? '')
  if (match === null) return noFailpoint
  const [, wanted, times, action] = match
  let left = Number(times)
  return (name) => {
    if (name !== wanted) return
    left--
    if (left > 0 || (left < 0 && action !== 'full')) return
    if (action === 'fail' || action === 'full') throw Object.assign(new Error(`ENOSPC: no space left on device (failpoint ${name})`), { code: 'ENOSPC' })
    process.kill(process.pid, action === 'kill' ? 'SIGKILL' : 'SIGSTOP')
  }
}

/** The failpoint `disk:half-appended` lies in the middle of each append. Without a failpoint this is the disk itself. */
export function diskWithFailpoint(disk: Disk, failpoint: Failpoint): Disk {
  if (failpoint === noFailpoint) return disk
  return { ...disk, open: async (path) => halvingFile(await disk.open(path), failpoint) }
}

function halvingFile(file: DiskFile, failpoint: Failpoint): DiskFile {
  return {
    get sizeBytes() {
      return file.sizeBytes
    },
    async append(chunks) {
      const whole = Buffer.concat(chunks)
      const half = whole.length >> 1
      await file.append([whole.subarray(0, half)])
      await failpoint('disk:half-appended')
      await file.append([whole.subarray(half)])
    },
    readSync: (target, position) => file.readSync(target, position),
    read: (target, position) => file.read(target, position),
    sync: () => file.sync(),
    truncate: (sizeBytes) => file.truncate(sizeBytes),
    close: () => file.close(),
  }
}
