import { AssignerProtocol } from 'kafkajs'
import { expect, test } from 'vitest'
import { decodeAssignment, decodeSubscription, encodeAssignment, encodeSubscription } from './group-protocol.ts'

const owned = [
  { topic: 'a', partition: 3 },
  { topic: 'b', partition: 0 },
  { topic: 'a', partition: 5 },
]

test('a subscription comes back as it went, and another client can read it', () => {
  const bytes = encodeSubscription({ topics: ['a', 'b'], owned, generationId: 7 })
  expect(decodeSubscription(bytes)).toEqual({ topics: ['a', 'b'], owned: [owned[0], owned[2], owned[1]], generationId: 7 })
  expect(AssignerProtocol.MemberMetadata.decode(bytes)).toMatchObject({ version: 2, topics: ['a', 'b'] })
})

test('a subscription of version 0 owns nothing', () => {
  const bytes = AssignerProtocol.MemberMetadata.encode({ version: 0, topics: ['a'], userData: Buffer.from('x') })
  expect(decodeSubscription(bytes)).toEqual({ topics: ['a'], owned: [], generationId: -1 })
})

test('an assignment comes back as it went, and another client can read it', () => {
  const bytes = encodeAssignment(owned)
  expect(decodeAssignment(bytes)).toEqual([owned[0], owned[2], owned[1]])
  expect(AssignerProtocol.MemberAssignment.decode(bytes)?.assignment).toEqual({ a: [3, 5], b: [0] })
  expect(decodeAssignment(Buffer.alloc(0))).toEqual([])
})

test('bytes that end early are refused with a message', () => {
  const bytes = encodeSubscription({ topics: ['a'], owned, generationId: 7 })
  for (let length = 0; length < bytes.length; length++) expect(() => decodeSubscription(bytes.subarray(0, length))).toThrow(/not written by the consumer protocol/)
})
