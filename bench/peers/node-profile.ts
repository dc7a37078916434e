/** Environment of a Node process that writes its CPU profile, and those of its worker threads, when it ends. */
export function profiledNode(directory: string | undefined): NodeJS.ProcessEnv {
  return directory === undefined ? {} : { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${directory}` }
}
