/** What this process has taken, as it tells who asks. */
export function processFigures(): { startedAtMs: number; rssBytes: number; cpuSeconds: number } {
  const { user, system } = process.cpuUsage()
  return { startedAtMs: Math.round(performance.timeOrigin), rssBytes: process.memoryUsage.rss(), cpuSeconds: (user + system) / 1e6 }
}
