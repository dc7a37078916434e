import type { GroupDescription, GroupGeneration, JoinGroupRequest, JoinGroupResponse, SyncGroupRequest } from '../../ports/broker.ts'
import type { Api } from './api.ts'
import type { ResponseReader } from './response-reader.ts'

export const joinGroupApi: Api<JoinGroupRequest, JoinGroupResponse> = {
  key: 11,
  name: 'JoinGroup',
  minVersion: 7,
  maxVersion: 9,
  since: '2.5',
  write(writer, request, version) {
    writer.string(request.groupId)
    writer.int32(request.sessionTimeoutMs)
    writer.int32(request.rebalanceTimeoutMs)
    writer.string(request.memberId)
    writer.nullableString(request.groupInstanceId)
    writer.string(request.protocolType)
    writer.array(request.protocols, ({ name, metadata }) => {
      writer.string(name)
      writer.bytes(metadata)
      writer.noTags()
    })
    if (version >= 8) writer.string(request.reason)
    writer.noTags()
  },
  read(reader, version) {
    reader.int32()
    const errorCode = reader.int16()
    const generationId = reader.int32()
    reader.nullableString()
    const protocolName = reader.string()
    const leader = reader.string()
    const skipAssignment = version >= 9 && reader.boolean()
    const memberId = reader.string()
    const members = reader.array(() => {
      const member = { memberId: reader.string(), groupInstanceId: reader.nullableString(), metadata: reader.bytes() }
      reader.tags()
      return member
    })
    reader.tags()
    return { errorCode, generationId, protocolName, leader, skipAssignment, memberId, members }
  },
}

export const syncGroupApi: Api<SyncGroupRequest, { errorCode: number; assignment: Buffer }> = {
  key: 14,
  name: 'SyncGroup',
  minVersion: 5,
  maxVersion: 5,
  since: '2.5',
  write(writer, request) {
    writer.string(request.groupId)
    writer.int32(request.generationId)
    writer.string(request.memberId)
    writer.nullableString(request.groupInstanceId)
    writer.string(request.protocolType)
    writer.string(request.protocolName)
    writer.array(request.assignments, ({ memberId, assignment }) => {
      writer.string(memberId)
      writer.bytes(assignment)
      writer.noTags()
    })
    writer.noTags()
  },
  read(reader) {
    reader.int32()
    const errorCode = reader.int16()
    reader.nullableString()
    reader.nullableString()
    const assignment = reader.bytes()
    reader.tags()
    return { errorCode, assignment }
  },
}

export const heartbeatApi: Api<GroupGeneration, { errorCode: number }> = {
  key: 12,
  name: 'Heartbeat',
  minVersion: 4,
  maxVersion: 4,
  since: '2.4',
  write(writer, request) {
    writer.string(request.groupId)
    writer.int32(request.generationId)
    writer.string(request.memberId)
    writer.nullableString(request.groupInstanceId)
    writer.noTags()
  },
  read(reader) {
    reader.int32()
    const errorCode = reader.int16()
    reader.tags()
    return { errorCode }
  },
}

export interface LeaveGroupRequest {
  readonly groupId: string
  readonly members: readonly { memberId: string; groupInstanceId: string | undefined }[]
}

export const leaveGroupApi: Api<LeaveGroupRequest, { errorCode: number; memberErrorCodes: number[] }> = {
  key: 13,
  name: 'LeaveGroup',
  minVersion: 4,
  maxVersion: 5,
  since: '2.4',
  write(writer, request, version) {
    writer.string(request.groupId)
    writer.array(request.members, ({ memberId, groupInstanceId }) => {
      writer.string(memberId)
      writer.nullableString(groupInstanceId)
      if (version >= 5) writer.nullableString(undefined)
      writer.noTags()
    })
    writer.noTags()
  },
  read(reader) {
    reader.int32()
    const errorCode = reader.int16()
    const memberErrorCodes = reader.array(() => {
      reader.string()
      reader.nullableString()
      const code = reader.int16()
      reader.tags()
      return code
    })
    reader.tags()
    return { errorCode, memberErrorCodes }
  },
}

export const describeGroupsApi: Api<readonly string[], GroupDescription[]> = {
  key: 15,
  name: 'DescribeGroups',
  minVersion: 5,
  maxVersion: 5,
  since: '2.4',
  write(writer, groupIds) {
    writer.array(groupIds, (groupId) => writer.string(groupId))
    writer.boolean(false)
    writer.noTags()
  },
  read(reader) {
    reader.int32()
    const groups = reader.array(() => readGroup(reader))
    reader.tags()
    return groups
  },
}

function readGroup(reader: ResponseReader): GroupDescription {
  const errorCode = reader.int16()
  const groupId = reader.string()
  const state = reader.string()
  const protocolType = reader.string()
  const protocolName = reader.string()
  const members = reader.array(() => {
    const member = {
      memberId: reader.string(),
      groupInstanceId: reader.nullableString(),
      clientId: reader.string(),
      clientHost: reader.string(),
      metadata: reader.bytes(),
      assignment: reader.bytes(),
    }
    reader.tags()
    return member
  })
  reader.int32()
  reader.tags()
  return { groupId, errorCode, state, protocolType, protocolName, members }
}

export const deleteGroupsApi: Api<readonly string[], { groupId: string; errorCode: number }[]> = {
  key: 42,
  name: 'DeleteGroups',
  minVersion: 2,
  maxVersion: 2,
  since: '2.4',
  write(writer, groupIds) {
    writer.array(groupIds, (groupId) => writer.string(groupId))
    writer.noTags()
  },
  read(reader) {
    reader.int32()
    const results = reader.array(() => {
      const result = { groupId: reader.string(), errorCode: reader.int16() }
      reader.tags()
      return result
    })
    reader.tags()
    return results
  },
}
