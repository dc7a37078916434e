/** What a member says of itself when it joins. */
export interface MemberClaim {
  readonly memberId: string
  /** Stable over restarts: instance id, else member id. Orders members, so that the same group yields the same assignment. */
  readonly name: string
  /** Hash of the member's topology: tasks go only to members that know them. */
  readonly topologyHash: string
  readonly ownedTasks: readonly string[]
  /** Generation in which they were assigned to it; -1: it claims nothing. */
  readonly generationId: number
}

export interface TaskAssignment {
  /** Tasks to run. */
  readonly tasks: string[]
  /** Tasks of this member that are to go to another one: it commits them, closes them and joins again; then they are given away. */
  readonly moving: string[]
}

/**
 * Cooperative and sticky: who has a task keeps it, up to an even share; a task that is to move is given to nobody as long as its
 * owner has not joined without it (KIP-429). Claims of an older generation than the newest are void: their owner missed a
 * rebalance in which the tasks may have gone to another (KIP-792).
 */
export function assignTasks(members: readonly MemberClaim[], tasks: readonly string[], topologyHash: string): Map<string, TaskAssignment> {
  const able = members.filter((member) => member.topologyHash === topologyHash).sort((a, b) => compare(a.name, b.name))
  const result = new Map<string, { tasks: string[]; moving: string[] }>(members.map((member) => [member.memberId, { tasks: [], moving: [] }]))
  const owners = ownersOf(members)
  const share = { least: Math.floor(tasks.length / Math.max(1, able.length)), extra: tasks.length % Math.max(1, able.length) }
  const placed = keepOwned(able, tasks, owners, share, result)
  for (const task of tasks) {
    if (placed.has(task)) continue
    const owner = owners.get(task)
    if (owner !== undefined) {
      result.get(owner)?.moving.push(task)
      continue
    }
    const target = leastLoaded(able, result)
    if (target !== undefined) result.get(target.memberId)?.tasks.push(task)
  }
  return result
}

/** Each member keeps of its own tasks as many as an even share allows; members with more tasks than the lower bound take the surplus places first. */
function keepOwned(able: readonly MemberClaim[], tasks: readonly string[], owners: Map<string, string>, share: { least: number; extra: number }, result: Map<string, { tasks: string[] }>): Set<string> {
  const placed = new Set<string>()
  let extra = share.extra
  const owned = new Map<string, string[]>(able.map((member) => [member.memberId, tasks.filter((task) => owners.get(task) === member.memberId)]))
  const byMostOwned = [...able].sort((a, b) => (owned.get(b.memberId)?.length ?? 0) - (owned.get(a.memberId)?.length ?? 0))
  for (const member of byMostOwned) {
    const mine = owned.get(member.memberId) ?? []
    const room = mine.length > share.least && extra > 0 ? share.least + 1 : share.least
    if (room > share.least) extra--
    for (const task of mine.slice(0, room)) {
      result.get(member.memberId)?.tasks.push(task)
      placed.add(task)
    }
  }
  return placed
}

function ownersOf(members: readonly MemberClaim[]): Map<string, string> {
  const newest = members.reduce((highest, member) => Math.max(highest, member.generationId), -1)
  const owners = new Map<string, string>()
  for (const member of members) {
    if (member.generationId < newest || newest < 0) continue
    // Two claims of one generation on one task cannot both be right; nobody keeps it then, and both are told to let go.
    for (const task of member.ownedTasks) owners.set(task, owners.has(task) ? '' : member.memberId)
  }
  for (const [task, owner] of owners) if (owner === '') owners.delete(task)
  return owners
}

/** The able member with the fewest tasks, the ones it is about to lose not counted; the first by name among equals. */
function leastLoaded(able: readonly MemberClaim[], result: Map<string, { tasks: string[] }>): MemberClaim | undefined {
  let best: MemberClaim | undefined
  let least = Number.POSITIVE_INFINITY
  for (const member of able) {
    const load = result.get(member.memberId)?.tasks.length ?? 0
    if (load < least) {
      best = member
      least = load
    }
  }
  return best
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
