import { AssignerProtocol } from 'kafkajs'
import { expect, test } from 'vitest'
import { decodeAssignment, decodeSubscription, encodeAssignment, encodeSubscription } from './consumer-protocol.ts'

test('a subscription survives the way through the broker', () => {
  const subscription = { topics: ['a', 'ü'], userData: Buffer.from('{"x":1}'), ownedPartitions: [{ topic: 'a', partition: 0 }, { topic: 'a', partition: 7 }], generationId: 12 }
  expect(decodeSubscription(encodeSubscription(subscription))).toEqual(subscription)
})

test('the bytes are those of ConsumerProtocolSubscription version 2', () => {
  const bytes = encodeSubscription({ topics: ['t'], userData: Buffer.from('u'), ownedPartitions: [{ topic: 't', partition: 3 }], generationId: 4 })
  expect(bytes.toString('hex')).toBe(['0002', '00000001', '000174', '0000000175', '00000001', '000174', '00000001', '00000003', '00000004'].join(''))
})

test('an assignment survives the way through the broker, and no assignment is an empty one', () => {
  const assignment = { partitions: [{ topic: 'a', partition: 3 }], userData: Buffer.from('x') }
  expect(decodeAssignment(encodeAssignment(assignment))).toEqual(assignment)
  expect(decodeAssignment(Buffer.alloc(0))).toEqual({ partitions: [], userData: Buffer.alloc(0) })
})

test('a cut or absurd message is refused, not read out of range', () => {
  const bytes = encodeSubscription({ topics: ['topic'], userData: Buffer.from('user'), ownedPartitions: [{ topic: 'topic', partition: 3 }], generationId: 4 })
  for (let length = 0; length < bytes.length; length++) expect(() => decodeSubscription(bytes.subarray(0, length))).toThrow(RangeError)
  const absurd = Buffer.from(bytes)
  absurd.writeInt32BE(0x7fffffff, 2)
  expect(() => decodeSubscription(absurd)).toThrow(RangeError)
})

const owned = [
  { topic: 'a', partition: 3 },
  { topic: 'b', partition: 0 },
  { topic: 'a', partition: 5 },
]

test('another client reads what we write, and user data may be left out', () => {
  const subscription = encodeSubscription({ topics: ['a', 'b'], ownedPartitions: owned, generationId: 7 })
  expect(AssignerProtocol.MemberMetadata.decode(subscription)).toMatchObject({ version: 2, topics: ['a', 'b'] })
  expect(decodeSubscription(subscription)).toEqual({ topics: ['a', 'b'], userData: Buffer.alloc(0), ownedPartitions: [owned[0], owned[2], owned[1]], generationId: 7 })
  expect(AssignerProtocol.MemberAssignment.decode(encodeAssignment({ partitions: owned }))?.assignment).toEqual({ a: [3, 5], b: [0] })
})

test('we read what another client writes: a subscription of version 0 owns nothing', () => {
  const bytes = AssignerProtocol.MemberMetadata.encode({ version: 0, topics: ['a'], userData: Buffer.from('x') })
  expect(decodeSubscription(bytes)).toEqual({ topics: ['a'], userData: Buffer.from('x'), ownedPartitions: [], generationId: -1 })
})
