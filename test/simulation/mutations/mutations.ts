/** A defect of the runtime, as somebody might make it: in `file`, `find` becomes `replace`. */
export interface Mutation {
  readonly name: string
  readonly file: string
  readonly find: string
  readonly replace: string
}

/** Chosen from what the runtime promises (docs/decisions/commit.md), not from what the checks look at. */
export const MUTATIONS: readonly Mutation[] = [
  {
    name: 'a commit goes on although Produce failed',
    file: 'engine/commit.ts',
    find: `if (first.status === 'rejected') throw first.reason`,
    replace: `if (first.status === 'rejected') return { batches: [], baseOffsets: [] }`,
  },
  {
    name: 'a transaction commits no offsets',
    file: 'engine/commit.ts',
    find: 'return await producer.commitOffsets(transaction.offsets, current.generation)',
    replace: 'return await producer.commitOffsets([], current.generation)',
  },
  {
    name: 'no fence: offsets carry no generation',
    file: 'engine/commit.ts',
    find: 'return await producer.commitOffsets(transaction.offsets, current.generation)',
    replace: `return await producer.commitOffsets(transaction.offsets, { ...current.generation, generationId: -1, memberId: '', groupInstanceId: undefined })`,
  },
  {
    name: 'nobody looks whether the tasks are still ours',
    file: 'engine/commit.ts',
    find: 'if (!current.tasks.has(task)) throw',
    replace: 'if (Number.isNaN(task.length) && !current.tasks.has(task)) throw',
  },
  {
    name: 'stores are written before the answer of EndTxn',
    file: 'engine/commit.ts',
    find: `await producer.end('commit')`,
    replace: `await previous.applied; await this.#apply(transaction, sent); await producer.end('commit')`,
  },
  {
    name: 'step 3 of n+1 before step 3 of n',
    file: 'engine/commit.ts',
    find: 'await previous.acknowledged',
    replace: 'await Promise.resolve()',
  },
  {
    name: 'EndTxn of n+1 does not wait for that of n',
    file: 'engine/commit.ts',
    find: 'await previous.committed',
    replace: 'await Promise.resolve()',
  },
  {
    name: 'a store passes over a committed batch now and then',
    file: 'engine/commit.ts',
    find: 'if (!store.failed) await store.store.apply(',
    replace: 'if (!store.failed && baseOffset % 16 !== 15) await store.store.apply(',
  },
  {
    name: 'a commit is repeated under a generation that moved without us',
    file: 'engine/generation-watch.ts',
    find: 'if (latest === undefined || !isSame(latest.since, than)) return Promise.reject(this.#loss)',
    replace: 'if (latest === undefined) return Promise.reject(this.#loss)',
  },
  {
    name: 'processing goes on after an unknown outcome, or a restart, without bringing up stores that hold something',
    file: 'engine/restore.ts',
    find: 'if (changelogs.length === 0) return 0',
    replace: 'if (changelogs.every(({ store }) => store.position !== undefined)) return 0',
  },
  {
    name: 'after a failure producers are not initialised anew',
    file: 'engine/stream-thread.ts',
    find: `    await this.#producers.initialise()
    this.#commits.reset()
    await this.#takeUpAgain()`,
    replace: `    this.#commits.reset()
    await this.#takeUpAgain()`,
  },
  {
    name: 'what a failed transaction wrote stays in the overlay',
    file: 'engine/thread-commits.ts',
    find: 'for (const task of this.#options.running.values()) for (const store of task.stores) store.discard()',
    replace: '',
  },
  {
    name: 'an unknown outcome of EndTxn counts as an abort',
    file: 'kafka/coordinators.ts',
    find: `          if (!(error instanceof ConnectionLostError)) throw error
          this.forget(type, key, node)`,
    replace: `          if (!(error instanceof ConnectionLostError) || type === 'transaction') throw error
          this.forget(type, key, node)`,
  },
  {
    name: 'an unknown outcome of EndTxn counts as a commit',
    file: 'kafka/transactional-producer.ts',
    find: 'if (answer.errorCode !== 0) throw kafkaError(answer.errorCode, `EndTxn',
    replace: 'if (answer.errorCode !== 0 && answer.errorCode !== 48 && answer.errorCode !== 90 && answer.errorCode !== 47) throw kafkaError(answer.errorCode, `EndTxn',
  },
  {
    name: 'what was aborted is read',
    file: 'records/aborted-transactions.ts',
    find: 'return batch.isTransactional && this.#producers.has(batch.producerId)',
    replace: 'return false',
  },
  {
    name: 'an abort marker does not end an aborted transaction',
    file: 'records/aborted-transactions.ts',
    find: `controlType(batch.key) === 'abort')
      this.#producers.delete(batch.producerId)`,
    replace: `controlType(batch.key) === 'abort')
      this.#producers.has(batch.producerId)`,
  },
  {
    name: 'a repeated batch takes new sequence numbers',
    file: 'kafka/batch-sender.ts',
    find: 'head.stamped = true',
    replace: 'head.stamped = false',
  },
  {
    name: 'sequence numbers are used again',
    file: 'kafka/producer-identity.ts',
    find: '(sequence + recordCount) % SEQUENCES',
    replace: 'sequence',
  },
  {
    name: 'fetched chunks of a position that was left are handed out',
    file: 'kafka/fetcher.ts',
    find: 'if (entry.assigned !== assigned) return true',
    replace: 'if (entry.assigned !== assigned || entry.item.kind === \'chunk\') return true',
  },
  {
    name: 'an answer to a fetch for an older position is taken',
    file: 'kafka/fetcher.ts',
    find: 'if (assigned?.poll === polled) this.#digest(assigned, fetched, answer)',
    replace: 'if (assigned) this.#digest(assigned, fetched, answer)',
  },
  {
    name: 'committed offsets are read although a transaction is about to change them',
    file: 'engine/task-starter.ts',
    find: 'requireStable: true',
    replace: 'requireStable: false',
  },
  {
    name: 'restoring ends at the last stable offset',
    file: 'engine/restore.ts',
    find: `const ends = await unlessAborted(client.listOffsets(changelogs, 'latest'), signal)`,
    replace: `const ends = await unlessAborted(client.listOffsets(changelogs, 'stable'), signal)`,
  },
  {
    name: 'the log ends are taken before the committed offsets',
    file: 'engine/task-starter.ts',
    find: `    const positions = await unlessAborted(this.#positions(tasks), signal)
    const stores = tasks.flatMap((task) => task.stores)
    const restoredRecords = await restoreStores(stores, { client, clock, signal, ...(onRestore && { onProgress: onRestore }), ...(onRebuild && { onRebuild }), ...(onWaiting && { onWaiting }) })`,
    replace: `    const stores = tasks.flatMap((task) => task.stores)
    const restoredRecords = await restoreStores(stores, { client, clock, signal, ...(onRestore && { onProgress: onRestore }), ...(onRebuild && { onRebuild }), ...(onWaiting && { onWaiting }) })
    const positions = await unlessAborted(this.#positions(tasks), signal)`,
  },
  {
    name: 'restoring ends when a fetch brings nothing for a moment',
    file: 'engine/restore.ts',
    find: `      await fetcher.ready()
      continue`,
    replace: `      await Promise.race([fetcher.ready(), new Promise((resolve) => options.clock.after(20, resolve as () => void))])
      if (records > 0) break
      continue`,
  },
  {
    name: 'a store passes over the first record of what it restores',
    file: 'engine/restore.ts',
    find: 'fetcher.assign({ topic, partition }, { offset: position, leaderEpoch',
    replace: 'fetcher.assign({ topic, partition }, { offset: position + 1, leaderEpoch',
  },
  {
    name: 'who has lost its membership goes on with its tasks',
    file: 'kafka/group-member.ts',
    find: 'if (had) this.#options.listener.lost(error)',
    replace: '',
  },
  {
    name: 'a task that is to move is given away at once',
    file: 'engine/membership/task-assignor.ts',
    find: `      result.get(owner)?.moving.push(task)
      continue`,
    replace: '      result.get(owner)?.moving.push(task)',
  },
  {
    name: 'tasks that an assignment took away still count as ours',
    file: 'engine/generation-watch.ts',
    find: 'tasks: new Set([...tasks, ...moving]), since',
    replace: 'tasks: new Set([...tasks, ...moving, ...(this.#latest?.tasks ?? [])]), since',
  },
  {
    name: 'the time of a catch-up is written with whatever the list held before',
    file: 'stores/log-store/log-store.ts',
    find: `      this.#list.reset()
      await this.#append({ ...at, caughtUpMs: nowMs })`,
    replace: '      await this.#append({ ...at, caughtUpMs: nowMs })',
  },
  {
    name: 'a tombstone is dropped while an older segment lives',
    file: 'stores/log-store/compaction.ts',
    find: 'this.#keepTombstones = !options.isOldest',
    replace: 'this.#keepTombstones = false',
  },
  {
    name: 'a compacted segment goes before its copies are synced',
    file: 'stores/log-store/log-store.ts',
    find: 'const floor = await this.#log.sync()',
    replace: 'const floor = { segment: this.#log.active.id, bytes: 0 }',
  },
  {
    name: 'a damaged tail is not cut off',
    file: 'stores/log-store/recovery.ts',
    find: 'await log.cut(segment, end.bytes)',
    replace: '',
  },
  {
    name: 'an append that failed is passed over',
    file: 'engine/commit.ts',
    find: 'this.#options.storeFailed(store, error instanceof Error ? error : new Error(String(error)))',
    replace: 'void error',
  },
  {
    name: 'a store that failed is not replaced',
    file: 'engine/stream-thread.ts',
    find: 'if (this.#commits.hasFailedStore) return this.#replaceFailed()',
    replace: 'if (this.#commits.hasFailedStore) this.#commits.hasFailedStore = false',
  },
  {
    name: 'the lock of a state directory is not looked at',
    file: 'stores/state-directory.ts',
    find: 'if (lock === undefined) {',
    replace: 'if (lock === undefined && Number.isNaN(path.length)) {',
  },
  {
    name: 'a copied state directory is taken for the original',
    file: 'stores/state-directory.ts',
    find: 'if (found.self === self) return found',
    replace: 'if (found.self !== undefined) return found',
  },
  {
    name: 'a transaction without input carries no offsets',
    file: 'engine/thread-commits.ts',
    find: 'for (const id of transaction.taskIds) transaction.offsets.push(',
    replace: 'if (transaction.records > 0) for (const id of transaction.taskIds) transaction.offsets.push(',
  },
  {
    name: 'the time of a partition is forgotten at a restart',
    file: 'engine/task-starter.ts',
    find: 'partitionTime: decodePartitionTime(found.metadata), isCommitted: true',
    replace: 'partitionTime: -1, isCommitted: true',
  },
  {
    name: 'a record that the broker refuses is tried for ever',
    file: 'engine/isolation.ts',
    find: 'if (!(error instanceof ProcessingError || error instanceof RecordRefusedError)) return',
    replace: 'if (!(error instanceof ProcessingError)) return',
  },
  {
    name: 'a store that was away for longer than deletions are kept is taken as it is',
    file: 'engine/store-soundness.ts',
    find: 'if (awayMs >= log.tombstoneRetentionMs)',
    replace: 'if (awayMs < 0)',
  },
  {
    name: 'a snapshot of an index counts although what lies below it is damaged',
    file: 'stores/log-store/recovery.ts',
    find: ' || !batches.every((batch) => isSound(cursor, batch))',
    replace: '',
  },
  {
    name: 'a sink goes on although the database has not answered',
    file: 'sinks/batch-writer.ts',
    find: `          listener.retried(error)
          continue`,
    replace: `          listener.retried(error)
          return`,
  },
  {
    name: 'a sink that was fenced counts its write as applied',
    file: 'sinks/batch-writer.ts',
    find: `if (result.outcomes[index] === 'applied') listener.applied(write)`,
    replace: `if (result.outcomes[index] !== undefined) listener.applied(write)`,
  },
  {
    name: 'nobody notices that an input topic has grown',
    file: 'engine/source-watch.ts',
    find: 'if (partitions.length <= expected) return undefined',
    replace: 'if (partitions.length >= expected) return undefined',
  },
  {
    name: 'a full queue does not stop its fetch',
    file: 'engine/thread-processing.ts',
    find: 'queue.bufferedBytes > this.#options.maxBufferedBytes',
    replace: 'queue.bufferedBytes > Number.POSITIVE_INFINITY',
  },
  {
    name: 'a fetcher asks on while nobody takes what has arrived',
    file: 'kafka/fetcher.ts',
    find: '!polls.underWay && polls.waiting <= 1',
    replace: '!polls.underWay',
  },
  {
    name: 'a full transaction takes further records',
    file: 'engine/thread-processing.ts',
    find: 'processed < RECORDS_PER_TURN && !this.#options.collector.full; i++',
    replace: 'processed < RECORDS_PER_TURN; i++',
  },
  {
    name: 'an index in memory is not told what is in the store',
    file: 'engine/changelog-store.ts',
    find: 'this.store.forEach(listener)',
    replace: '',
  },
  {
    name: 'of two input topics of a task the offset of one is committed',
    file: 'engine/task.ts',
    find: 'return this.#queues.map((queue) => ({',
    replace: 'return this.#queues.slice(0, 1).map((queue) => ({',
  },
  {
    name: 'offsets are committed before the outputs are written',
    file: 'engine/commit.ts',
    find: `    const produced = batches.length === 0 ? Promise.resolve([]) : producer.produce(batches)
    const offsets = this.#sendOffsets(transaction, producer)`,
    replace: `    await this.#sendOffsets(transaction, producer)
    await producer.end('commit')
    const produced = batches.length === 0 ? Promise.resolve([]) : producer.produce(batches)
    const offsets = Promise.resolve()`,
  },
  {
    name: 'a snapshot counts whatever has become of the bytes that it covers, synced or not',
    file: 'stores/log-store/recovery.ts',
    find: 'await soundUpTo(log, found.head, partition)',
    // As if it had just been caught up: a store of which that is not known is rebuilt, which would hide the mistake.
    replace: '{ position: found.head.position, leaderEpoch: undefined, caughtUpMs: Number.MAX_SAFE_INTEGER }',
  },
  {
    name: 'the outcome of one partition counts for all that were written with it',
    file: 'sinks/batch-writer.ts',
    find: `if (result.outcomes[index] === 'applied') listener.applied(write)`,
    replace: `if (result.outcomes.includes('applied')) listener.applied(write)`,
  },
  {
    name: 'the claim of one partition lets the rows of another pass',
    file: 'sinks/testing/memory-database.ts',
    find: `      if (now === undefined || now.generation !== claim.generation || now.epoch !== claim.epoch) return 'fenced'`,
    replace: `      if (now === undefined || now.generation !== claim.generation || now.epoch !== claim.epoch) {
        if (batch.length > 1) for (const record of write.records) this.#put(record, claim.generation)
        return 'fenced'
      }`,
  },
  {
    name: 'the guard of a row survives a topic made anew',
    file: 'sinks/testing/memory-database.ts',
    find: '(before.generation > generation || (before.generation === generation && before.offset >= record.offset))',
    replace: 'before.offset >= record.offset',
  },
  {
    name: 'a sink goes on under its old claim when its topic was made anew',
    file: 'sinks/connector.ts',
    find: `else if (failure.reason === 'topic-recreated' || failure.reason === 'topic-missing') this.#reclaim(partition)`,
    replace: `else if (failure.reason === 'topic-recreated' || failure.reason === 'topic-missing') this.#fetcher.assign(partition, { offset: 0, leaderEpoch: undefined })`,
  },
  {
    name: 'a transaction goes on under a membership that it is not of',
    file: 'engine/commit.ts',
    find: 'if (current === undefined || membership.losses !== transaction.membershipsLost) throw',
    replace: 'if (current === undefined) throw',
  },
  {
    name: 'a member that the group went through a rebalance without keeps its tasks',
    file: 'kafka/group-member.ts',
    find: 'generationId > before + 1',
    replace: 'generationId > before + Number.POSITIVE_INFINITY',
  },
  {
    name: 'offsets that were not answered are sent again',
    file: 'kafka/offset-sender.ts',
    find: 'throw mayComeLate(',
    replace: 'reason = mayComeLate(',
  },
]
