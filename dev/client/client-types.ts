/** What of JSON Schema the routes use. */
interface Schema {
  readonly title?: string
  readonly description?: string
  readonly type?: string
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly anyOf?: readonly Schema[]
  readonly items?: Schema
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: boolean | Schema
  readonly patternProperties?: Readonly<Record<string, Schema>>
}

interface Parameter {
  readonly name: string
  readonly in: 'path' | 'query' | 'header'
  readonly required?: boolean
  readonly schema: Schema
}

type Content = Readonly<Record<string, { readonly schema: Schema }>>

interface Operation {
  readonly operationId: string
  readonly summary?: string
  readonly parameters?: readonly Parameter[]
  readonly requestBody?: { readonly content: Content }
  readonly responses: Readonly<Record<string, { readonly content?: Content }>>
}

export interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
}

const NOTHING = 'Record<string, never>'
const HEAD = `// Written by npm run client, from the OpenAPI of the gateway; a test compares the two. What the calls mean is said there, and at /docs of a gateway.
`

/**
 * The calls of an API as TypeScript: for each operation its parameters, its body, and its answers by status. Schemas with a title become types of that name. (openapi-typescript would do it, but needs the compiler API
 * of TypeScript 5, which TypeScript 7 does not have.)
 */
export function clientTypes({ paths }: OpenApi): string {
  const writer = new TypeWriter()
  const operations = Object.entries(paths)
    .flatMap(([path, methods]) => Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })))
    .toSorted((a, b) => (a.operation.operationId < b.operation.operationId ? -1 : 1))
  const types = operations.map(({ operation }) => operationType(writer, operation)).join('\n')
  const places = operations.map(({ path, method, operation }) => `  ${operation.operationId}: { method: '${method}', path: '${path}' },`).join('\n')
  return `${HEAD}\n${writer.named()}\n\nexport interface Operations {\n${types}\n}\n\nexport const OPERATIONS = {\n${places}\n} as const satisfies Record<keyof Operations, { method: string; path: string }>\n`
}

function operationType(writer: TypeWriter, { operationId, summary, parameters = [], requestBody, responses }: Operation): string {
  const place = (where: Parameter['in']) => {
    const own = parameters.filter((parameter) => parameter.in === where)
    return own.length === 0 ? undefined : `{ ${own.map(({ name, required, schema }) => `${keyText(name)}${required === true || where === 'path' ? '' : '?'}: ${writer.type(schema)}`).join('; ')} }`
  }
  const isOptional = (where: Parameter['in']) => !parameters.some((parameter) => parameter.in === where && (parameter.required === true || where === 'path'))
  const body = bodyOf(requestBody?.content)
  const parts = [
    ...(['path', 'query', 'header'] as const).flatMap((where) => {
      const type = place(where)
      return type === undefined ? [] : [`      ${where}${isOptional(where) ? '?' : ''}: ${type}`]
    }),
    ...(body === undefined ? [] : [`      body: ${writer.type(body)}`]),
  ]
  const answers = Object.entries(responses).map(([status, { content }]) => `      ${status}: ${contentType(writer, content)}`)
  const comment = summary === undefined ? '' : `  /** ${summary} */\n`
  return `${comment}  ${operationId}: {\n    request: ${parts.length === 0 ? NOTHING : `{\n${parts.join('\n')}\n    }`}\n    answers: {\n${answers.join('\n')}\n    }\n  }`
}

/** Where it may be sent in several forms, JSON. */
function bodyOf(content: Content | undefined): Schema | undefined {
  return content === undefined ? undefined : (content['application/json'] ?? Object.values(content)[0])?.schema
}

function contentType(writer: TypeWriter, content: Content | undefined): string {
  const schema = bodyOf(content) ?? content?.['application/problem+json']?.schema
  return schema === undefined ? 'undefined' : writer.type(schema)
}

/** Writes schemas as types, those with a title once, by name. */
class TypeWriter {
  readonly #named = new Map<string, string>()

  type(schema: Schema): string {
    if (schema.title === undefined) return this.#inline(schema)
    const name = schema.title.replace(/(?:^|\s+)(\S)/g, (_, letter: string) => letter.toUpperCase())
    if (!this.#named.has(name)) {
      // First, for a schema that has itself in it.
      this.#named.set(name, '')
      this.#named.set(name, this.#inline(schema))
    }
    return name
  }

  named(): string {
    return [...this.#named].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, type]) => `export type ${name} = ${type}`).join('\n\n')
  }

  #inline(schema: Schema): string {
    if (schema.const !== undefined) return JSON.stringify(schema.const)
    if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(' | ')
    if (schema.anyOf !== undefined) return [...new Set(schema.anyOf.map((one) => this.type(one)))].join(' | ')
    switch (schema.type) {
      case 'string':
      case 'boolean':
      case 'null':
        return schema.type
      case 'integer':
      case 'number':
        return 'number'
      case 'array':
        return `readonly (${this.type(schema.items ?? {})})[]`
      case 'object':
        return this.#object(schema)
      default:
        return 'unknown'
    }
  }

  #object({ properties = {}, required = [], additionalProperties, patternProperties }: Schema): string {
    const members = Object.entries(properties).map(([name, schema]) => `readonly ${keyText(name)}${required.includes(name) ? '' : '?'}: ${this.type(schema)}`)
    const pattern = Object.values(patternProperties ?? {})[0] ?? (typeof additionalProperties === 'object' ? additionalProperties : undefined)
    if (pattern !== undefined) members.push(`readonly [name: string]: ${this.type(pattern)}`)
    else if (additionalProperties === true) members.push('readonly [name: string]: unknown')
    return members.length === 0 ? NOTHING : `{ ${members.join('; ')} }`
  }
}

function keyText(name: string): string {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ? name : JSON.stringify(name).replaceAll('"', "'")
}
