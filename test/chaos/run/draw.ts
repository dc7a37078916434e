import type { Mulberry32 } from '../../../bench/workload/workload.ts'

export function between(chance: Mulberry32, least: number, most: number): number {
  return Math.floor(least + chance.next() * (most - least))
}

export function pick<T>(chance: Mulberry32, items: readonly T[]): T {
  const item = items[Math.floor(chance.next() * items.length)]
  if (item === undefined) throw new Error('there is nothing to pick from')
  return item
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}
