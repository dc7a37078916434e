import { StreamsBuilder } from '../../engine/dsl/streams-builder.ts'
import { int32 } from '../../serdes/integers.ts'
import { string } from '../../serdes/string.ts'

// Counts how often each word has come. Keys of the input are words already: state by key needs a record in its key's partition.
const builder = new StreamsBuilder()

builder
  .stream('words', { key: string, value: string })
  .filter((_line, word) => word !== undefined && word.length > 0)
  .groupByKey()
  .count('word-counts', int32)
  .to('word-totals', { key: string, value: int32 })

export const topology = builder.build()
