/** What of an OpenAPI document its examples are found by. */
export interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
}

interface Operation {
  readonly operationId: string
  readonly parameters?: readonly { readonly name: string; readonly in: 'path' | 'query' | 'header'; readonly schema: object; readonly example?: unknown }[]
  readonly requestBody?: { readonly content: Readonly<Record<string, Media>> }
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, Media>> }>>
}

interface Media {
  readonly schema: object
  readonly example?: unknown
  readonly examples?: Readonly<Record<string, { readonly value: unknown }>>
}

export interface Example {
  /** For people. */
  readonly place: string
  readonly schema: object
  readonly value: unknown
}

/** A call as somebody would paste it together from the examples. */
export interface PastedCall {
  readonly name: string
  readonly operationId: string
  readonly method: string
  /** With its query. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | undefined
  /** Documented statuses. */
  readonly statuses: readonly number[]
}

/** Every example that there is, with the schema that it has to keep to: of parameters, bodies, answers, and of any part of them. */
export function examplesOf(api: OpenApi): Example[] {
  return operationsOf(api).flatMap(({ operation }) => {
    const { operationId, parameters = [], requestBody, responses } = operation
    const media = (where: string, content: Readonly<Record<string, Media>> = {}) =>
      Object.entries(content).flatMap(([type, one]) => [...mediaExamples(one).map((value) => ({ place: `${operationId} ${where} ${type}`, schema: one.schema, value })), ...within(one.schema, `${operationId} ${where} ${type}`)])
    return [
      ...parameters.flatMap((parameter) => [...(parameter.example === undefined ? [] : [{ place: `${operationId} ${parameter.name}`, schema: parameter.schema, value: parameter.example }]), ...within(parameter.schema, `${operationId} ${parameter.name}`)]),
      ...media('body', requestBody?.content),
      ...Object.entries(responses).flatMap(([status, { content }]) => media(status, content)),
    ]
  })
}

/** Each call with what it needs, and again with each of its other parameters that has an example. */
export function pastedCalls(api: OpenApi): PastedCall[] {
  return operationsOf(api).flatMap(({ path, method, operation }) => {
    const { operationId, parameters = [], requestBody, responses } = operation
    const statuses = Object.keys(responses).map(Number)
    const whole = parameters
      .filter((parameter) => parameter.in === 'path')
      .reduce((url, { name, example }) => {
        if (example === undefined) throw new Error(`${operationId}: ${name} has no example, and without it the call cannot be pasted`)
        return url.replace(`{${name}}`, encodeURIComponent(String(example)))
      }, path)
    const bodies = requestBody === undefined ? [undefined] : Object.entries(requestBody.content).flatMap(([type, media]) => mediaExamples(media).map((value) => ({ type, text: `${JSON.stringify(value)}\n` })))
    if (bodies.length === 0) throw new Error(`${operationId}: its body has no example, and without it the call cannot be pasted`)
    const others = parameters.filter((parameter) => parameter.in !== 'path' && parameter.example !== undefined)
    return bodies.flatMap((body) =>
      [undefined, ...others].map((other) => ({
        name: [operationId, body?.type, other?.name].filter(Boolean).join(' '),
        operationId,
        method: method.toUpperCase(),
        path: other?.in === 'query' ? `${whole}?${new URLSearchParams({ [other.name]: String(other.example) })}` : whole,
        headers: { ...(body !== undefined && { 'content-type': body.type }), ...(other?.in === 'header' && { [other.name]: String(other.example) }) },
        body: body?.text,
        statuses,
      })),
    )
  })
}

function operationsOf({ paths }: OpenApi): { path: string; method: string; operation: Operation }[] {
  return Object.entries(paths).flatMap(([path, methods]) => Object.entries(methods).map(([method, operation]) => ({ path, method, operation })))
}

function mediaExamples({ example, examples = {} }: Media): unknown[] {
  return [...(example === undefined ? [] : [example]), ...Object.values(examples).map(({ value }) => value)]
}

/** Those that stand in a schema. */
function within(schema: unknown, place: string): Example[] {
  if (typeof schema !== 'object' || schema === null) return []
  const own = 'examples' in schema && Array.isArray(schema.examples) ? schema.examples.map((value: unknown) => ({ place, schema, value })) : []
  return [...own, ...Object.entries(schema).flatMap(([name, part]) => (name === 'examples' ? [] : within(part, `${place}/${name}`)))]
}
