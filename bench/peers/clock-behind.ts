// Loaded into a process, and into its threads, before anything else: so that midnight comes when a scenario wants it.
const behindMs = Number(process.env['BENCH_CLOCK_BEHIND_MS'])
const now = Date.now
Date.now = () => now() - behindMs
