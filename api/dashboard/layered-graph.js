/** @typedef {{ name: string, successors: readonly string[] }} GraphNode */
/** @typedef {{ name: string, layer: number, row: number }} Place */

/**
 * Places the nodes of a graph in layers, from what nothing leads to, leftmost, on: each one layer behind its last predecessor, and within a layer near the
 * middle of those before it. A cycle is cut where it closes.
 * @param {readonly GraphNode[]} nodes
 * @returns {{ places: Map<string, Place>, layers: number, rows: number }} rows: of the fullest layer; `row` is in these and may be a half, so that small layers stand in the middle
 */
export function layered(nodes) {
  const layerOf = layersOf(nodes)
  /** @type {string[][]} */
  const layers = []
  for (const { name } of nodes) (layers[layerOf.get(name) ?? 0] ??= []).push(name)
  /** @type {Map<string, number>} */
  const order = new Map()
  for (const layer of layers) {
    const middle = new Map(layer.map((name, n) => [name, middleOf(name, n, nodes, order)]))
    layer.sort((a, b) => (middle.get(a) ?? 0) - (middle.get(b) ?? 0))
    layer.forEach((name, n) => order.set(name, n - (layer.length - 1) / 2))
  }
  const rows = Math.max(1, ...layers.map((layer) => layer.length))
  const places = new Map(nodes.map(({ name }) => [name, { name, layer: layerOf.get(name) ?? 0, row: (order.get(name) ?? 0) + (rows - 1) / 2 }]))
  return { places, layers: layers.length, rows }
}

/** The longest way to each node. @param {readonly GraphNode[]} nodes @returns {Map<string, number>} */
function layersOf(nodes) {
  const byName = new Map(nodes.map((node) => [node.name, node]))
  const layerOf = new Map(nodes.map(({ name }) => [name, 0]))
  /** @param {string} name @param {readonly string[]} path */
  const visit = (name, path) => {
    for (const next of byName.get(name)?.successors ?? []) {
      const reached = path.length + 1
      if (!layerOf.has(next) || path.includes(next) || next === name || reached <= (layerOf.get(next) ?? 0)) continue
      layerOf.set(next, reached)
      visit(next, [...path, name])
    }
  }
  for (const { name } of nodes) visit(name, [])
  return layerOf
}

/** @param {string} name @param {number} fallback @param {readonly GraphNode[]} nodes @param {Map<string, number>} order */
function middleOf(name, fallback, nodes, order) {
  const before = nodes.filter(({ name: from, successors }) => successors.includes(name) && order.has(from))
  return before.length === 0 ? fallback : before.reduce((sum, { name: from }) => sum + (order.get(from) ?? 0), 0) / before.length
}
