import { type Failpoint, noFailpoint } from '../ports/failpoint.ts'

/**
 * Failpoints of a real process, for tests: TRADEWIND_FAILPOINT=`<name>@<n>:kill|stop` kills (SIGKILL) or stops (SIGSTOP) the whole process the n-th time that the place is passed.
 */
export function failpointFromEnvironment(environment: Record<string, string | undefined> = process.env): Failpoint {
  const match = /^(.+)@(\d+):(kill|stop)$/.exec(environment['TRADEWIND_FAILPOINT'] ?? '')
  if (match === null) return noFailpoint
  const [, wanted, times, action] = match
  let left = Number(times)
  return (name) => {
    if (name !== wanted || --left !== 0) return
    process.kill(process.pid, action === 'kill' ? 'SIGKILL' : 'SIGSTOP')
  }
}
