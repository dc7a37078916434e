/** Environment of a Node process that writes its CPU profile, and those of its worker threads, when it ends. */
export function profiledNode(directory: string | undefined): NodeJS.ProcessEnv {
  return directory === undefined ? {} : { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${directory}` }
}

const CLOCK_BEHIND = new URL('clock-behind.ts', import.meta.url).href

/** Environment of a Node process for which it is so many milliseconds before now. */
export function clockBehind(behindMs: number): NodeJS.ProcessEnv {
  return { NODE_OPTIONS: `--import=${CLOCK_BEHIND}`, BENCH_CLOCK_BEHIND_MS: String(behindMs) }
}
