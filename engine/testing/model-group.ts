import type { GroupGeneration } from '../../ports/broker.ts'
import type { GroupMember, GroupMemberOptions } from '../../ports/kafka-client.ts'
import { KafkaError } from '../../ports/kafka-error.ts'

interface Member {
  readonly options: GroupMemberOptions
  memberId: string
  generation: GroupGeneration | undefined
  state: GroupMember['state']
}

/** A group whose rebalances happen all at once: every member joins, the first one assigns, every one is told. A test can hold them, and throw members out. */
export class ModelGroup {
  generationId = 0
  rebalances = 0
  /** While set, nobody gets an answer to JoinGroup. */
  isHeld = false
  #members: Member[] = []
  #isDue = false
  #nextId = 1

  member(options: GroupMemberOptions, leaving: (name: string) => Promise<void>): GroupMember {
    const member: Member = { options, memberId: '', generation: undefined, state: 'unjoined' }
    const gone = (): void => {
      member.state = 'closed'
      member.generation = undefined
      this.#members = this.#members.filter((other) => other !== member)
    }
    return {
      get state() {
        return member.state
      },
      get generation() {
        return member.generation
      },
      start: () => {
        this.#members.push(member)
        this.#rebalanceSoon()
      },
      rejoin: () => this.#rebalanceSoon(),
      commitOffsets: () => Promise.reject(new Error('the engine commits in transactions')),
      leave: async () => {
        await leaving(options.groupInstanceId ?? '')
        gone()
        this.#rebalanceSoon()
      },
      close: async () => gone(),
    }
  }

  /** The generation that offsets are committed under, checked as the coordinator does it. */
  check({ memberId, generationId }: GroupGeneration): void {
    if (!this.#members.some((member) => member.memberId === memberId)) throw new KafkaError({ code: 25, errorName: 'UNKNOWN_MEMBER_ID', scope: 'member' }, memberId)
    if (generationId !== this.generationId) throw new KafkaError({ code: 22, errorName: 'ILLEGAL_GENERATION', scope: 'generation' }, memberId)
  }

  /** The membership is lost and the member joins again: under its old id where the generation has moved on without it, under a new one where its session is over. */
  expel(instance: string, memberId: 'same' | 'new' = 'new'): void {
    const member = this.#members.find(({ options }) => options.groupInstanceId === instance)
    if (member === undefined) throw new Error(`no member ${instance}`)
    if (memberId === 'new') member.memberId = ''
    member.generation = undefined
    this.generationId++
    member.options.listener.lost(new Error('the session is over'))
    this.#rebalanceSoon()
  }

  /** The member's session is over on its own clock and nobody has told it yet, as in the moment after a pause of its process. */
  outlive(instance: string): void {
    const member = this.#members.find(({ options }) => options.groupInstanceId === instance)
    if (member === undefined) throw new Error(`no member ${instance}`)
    member.generation = undefined
  }

  /** The member's process is dead: it hears nothing any more. */
  drop(instance: string): void {
    this.#members = this.#members.filter(({ options }) => options.groupInstanceId !== instance)
  }

  /** The generation moves on the broker: a JoinGroup has been answered to all, SyncGroup not yet. */
  moveGeneration(): void {
    this.generationId++
  }

  rebalance(): void {
    this.#isDue = false
    if (this.isHeld || this.#members.length === 0) return
    this.rebalances++
    const joined = this.#members.map((member) => {
      member.memberId ||= `member-${this.#nextId++}`
      return { memberId: member.memberId, groupInstanceId: member.options.groupInstanceId, metadata: Buffer.from(member.options.listener.subscription()) }
    })
    this.generationId++
    const assigned = this.#members[0]?.options.listener.assign(joined, this.generationId)
    for (const member of [...this.#members]) this.#give(member, Buffer.from(assigned?.get(member.memberId) ?? []))
  }

  /** An assignment to one member, made by the test. */
  give(instance: string, assignment: Uint8Array): void {
    const member = this.#members.find(({ options }) => options.groupInstanceId === instance)
    if (member === undefined) throw new Error(`no member ${instance}`)
    this.generationId++
    this.#give(member, Buffer.from(assignment))
  }

  #give(member: Member, assignment: Buffer): void {
    const { groupId, groupInstanceId, listener } = member.options
    member.generation = { groupId, groupInstanceId, memberId: member.memberId, generationId: this.generationId }
    member.state = 'stable'
    listener.assigned(assignment, member.generation)
  }

  #rebalanceSoon(): void {
    if (this.#isDue || this.isHeld) return
    this.#isDue = true
    queueMicrotask(() => this.rebalance())
  }
}
