import { expect, test } from 'vitest'
import { layered } from './layered-graph.js'

const graph = (...edges: readonly string[]) => {
  const names = [...new Set(edges.flatMap((edge) => edge.split('>')))]
  return names.map((name) => ({ name, successors: edges.flatMap((edge) => (edge.startsWith(`${name}>`) ? [edge.split('>')[1] ?? ''] : [])) }))
}

test('each node stands one layer behind its last predecessor, small layers in the middle', () => {
  const { places, layers, rows } = layered(graph('in>rules', 'rules>a', 'rules>b', 'rules>c', 'a>late', 'in>late'))
  expect([layers, rows]).toEqual([4, 3])
  expect(Object.fromEntries([...places].map(([name, { layer, row }]) => [name, [layer, row]]))).toEqual({ in: [0, 1], rules: [1, 1], a: [2, 0], b: [2, 1], c: [2, 2], late: [3, 1] })
})

test('edges cross as little as the order of those before allows', () => {
  const { places } = layered(graph('x>second', 'w>first', 'w>also'))
  expect((places.get('first')?.row ?? 0) > (places.get('second')?.row ?? 0)).toBe(true)
})

test('a cycle ends, and so does a node that nobody knows', () => {
  const { places, layers } = layered([...graph('a>b', 'b>c', 'c>a'), { name: 'd', successors: ['unknown', 'd'] }])
  expect(places.size).toBe(4)
  expect(layers).toBeLessThanOrEqual(4)
  expect(layered([])).toEqual({ places: new Map(), layers: 0, rows: 1 })
})
