import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
export class StateDirectory {
  readonly path: string
  readonly processId: string
  constructor(path: string, processId: string) { this.path = path; this.processId = processId }
  get storesPath() { return join(this.path, 'tasks') }
  static async open(o: { path: string; random: { uuid(): string }; [k: string]: unknown }) {
    mkdirSync(o.path, { recursive: true }); const f = join(o.path, 'pid.txt'); let id: string
    try { id = readFileSync(f, 'utf8') } catch { id = o.random.uuid(); writeFileSync(f, id) }
    return new StateDirectory(o.path, id)
  }
  async recordOnce(_n: string, v: string) { return v }
  async release() {}
}
