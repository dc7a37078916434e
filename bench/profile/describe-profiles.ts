import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { budgetOf, budgetTable } from './budget.ts'
import { type Call, callTree, type CpuProfile, visitCalls } from './cpu-profile.ts'
import { flameGraph } from './flame-graph.ts'

const ROOT = new URL('../../', import.meta.url).href

/**
 * Draws a flame graph beside each CPU profile that was written since `sinceMs`, and for the last stream thread among them a budget, `budget.md`. Answers the budget as Markdown; `undefined`:
 * there was no stream thread. `records`: what each of them worked off, where they worked off the same.
 */
export async function describeProfiles(directory: string, options: { sinceMs: number; records: number | undefined }): Promise<string | undefined> {
  let budget: string | undefined
  for (const name of (await readdir(directory)).filter((file) => file.endsWith('.cpuprofile')).sort()) {
    const path = join(directory, name)
    if ((await stat(path)).mtimeMs < options.sinceMs) continue
    // What V8 wrote.
    const tree = callTree(JSON.parse(await readFile(path, 'utf8')) as CpuProfile, ROOT)
    await writeFile(path.replace(/cpuprofile$/, 'svg'), flameGraph(name.replace(/\.cpuprofile$/, ''), tree))
    if (isStreamThread(tree)) budget = budgetTable(budgetOf(tree), options.records)
  }
  if (budget !== undefined) await writeFile(join(directory, 'budget.md'), budget)
  return budget
}

function isStreamThread(tree: Call): boolean {
  let found = false
  visitCalls(tree, ({ file }) => {
    found ||= file === 'engine/stream-thread.ts'
  })
  return found
}
