import { problemOf, unavailable } from '../problem.ts'

/** Tables and functions that are not there yet: the schema is being brought up to date. */
const NOT_THERE_YET = new Set(['42P01', '42883'])

/** A read in a database. What it refuses for our statement's sake is our fault; everything else means that it is away, or busy. */
export async function databaseCall<T>(database: 'PostgreSQL' | 'MongoDB', read: () => Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    if (error instanceof TypeError || (code.startsWith('42') && !NOT_THERE_YET.has(code))) throw error
    throw unavailable(`${database.toLowerCase()}-away`, `${database} cannot be read (${error instanceof Error ? error.message : String(error)}); try again`)
  }
}

/** Whether a read works, and if not, why. */
export async function probe(read: () => Promise<unknown>): Promise<{ readonly up: boolean; readonly detail?: string }> {
  try {
    await read()
    return { up: true }
  } catch (error) {
    return { up: false, detail: problemOf(error instanceof Error ? error : new Error(String(error))).message }
  }
}
