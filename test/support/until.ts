import { setTimeout as delay } from 'node:timers/promises'

const LOOK_EVERY_MS = 20

/**
 * Looks again and again until there is something, and answers it. The deadline only ends what would hang.
 *
 * `progress`: where it changes, the deadline begins anew: however slow the machine is, what goes on does not hang.
 *
 * @throws what was waited for, and what `describe` says of the situation.
 */
export async function until<T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
  { deadlineMs = 300_000, describe = () => '', progress = () => undefined }: { deadlineMs?: number; describe?: () => string; progress?: () => unknown } = {},
): Promise<T> {
  let endMs = performance.now() + deadlineMs
  let before = progress()
  for (;;) {
    const found = await look()
    if (found !== undefined && found !== false) return found
    const now = progress()
    if (now !== before) endMs = performance.now() + deadlineMs
    before = now
    if (performance.now() > endMs) throw new Error(`${what}: not within ${deadlineMs / 1000} s. ${describe()}`)
    await delay(LOOK_EVERY_MS)
  }
}
