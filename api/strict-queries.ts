import { TypeBoxValidatorCompiler } from '@fastify/type-provider-typebox'
import type { FastifySchemaCompiler } from 'fastify'
import type { TSchema } from 'typebox'

/** How a number and a truth are written in a query. */
const WORDS: Readonly<Record<string, { readonly form: RegExp; readonly expected: string }>> = {
  integer: { form: /^-?\d{1,16}$/, expected: 'must be integer' },
  boolean: { form: /^(true|false)$/, expected: 'must be true or false' },
}

/** TypeBox's, which by itself would take `limit=true` for 1 and `expired=1` for true. */
export const strictValidatorCompiler: FastifySchemaCompiler<TSchema> = (route) => {
  const check = TypeBoxValidatorCompiler(route)
  if (route.httpPart !== 'querystring') return check
  const { properties = {} } = route.schema as { properties?: Readonly<Record<string, { type?: string }>> } // of an object; of others there are none
  const words = Object.entries(properties).flatMap(([name, { type = '' }]) => (WORDS[type] === undefined ? [] : [{ name, ...WORDS[type] }]))
  if (words.length === 0) return check
  return (query: Readonly<Record<string, unknown>>) => {
    const wrong = words.filter(({ name, form }) => typeof query[name] === 'string' && !form.test(query[name]))
    // As the validator tells its own faults.
    if (wrong.length > 0) return { error: wrong.map(({ name, expected }) => ({ keyword: 'type', instancePath: `/${name}`, schemaPath: `#/properties/${name}`, params: {}, message: expected })) }
    return check(query)
  }
}
