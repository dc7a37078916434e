/** A CPU profile as V8 writes it (`--cpu-prof`, Chrome's DevTools protocol: Profiler.Profile). Times are microseconds. */
export interface CpuProfile {
  readonly nodes: readonly ProfileNode[]
  /** The node that ran, for each sample. */
  readonly samples: readonly number[]
  /** Between a sample and the one before it. */
  readonly timeDeltas: readonly number[]
}

export interface ProfileNode {
  readonly id: number
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
  readonly children?: readonly number[]
}

/** A function as it was called from its parent, with the time spent in itself. */
export interface Call {
  readonly name: string
  /** Path within the project, `node:...`, or empty for V8's own. */
  readonly file: string
  readonly parent: Call | undefined
  readonly calls: Call[]
  selfUs: number
}

/** The tree of calls. Those of a function from one parent are one. `root`: folder of the project, as a URL. */
export function callTree({ nodes, samples, timeDeltas }: CpuProfile, root: string): Call {
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const calls = new Map<number, Call>()
  const make = (node: ProfileNode, parent: Call | undefined): Call => {
    const { functionName, url } = node.callFrame
    const call: Call = { name: functionName || '(anonymous)', file: url.startsWith(root) ? url.slice(root.length) : url, parent, calls: [], selfUs: 0 }
    calls.set(node.id, call)
    for (const id of node.children ?? []) {
      const child = byId.get(id)
      if (child !== undefined) call.calls.push(make(child, call))
    }
    return call
  }
  const [first] = nodes
  if (first === undefined) throw new Error('the CPU profile is empty: the process has to end in order for it to be written')
  const tree = make(first, undefined)
  for (const [at, id] of samples.entries()) {
    const call = calls.get(id)
    if (call !== undefined) call.selfUs += timeDeltas[at] ?? 0
  }
  return tree
}

export function visitCalls(call: Call, visit: (call: Call) => void): void {
  visit(call)
  for (const child of call.calls) visitCalls(child, visit)
}
