import { tellConnection } from './connection.js'
import { parseExact } from './exact-json.js'

const PREFIX = '/api/v1'
const TIMEOUT_MS = 15_000

/** @typedef {import('./answers.ts').ProblemDocument} ProblemDocument */
/** @typedef {{ signal?: AbortSignal, headers?: Record<string, string>, timeoutMs?: number }} CallOptions */

/** The gateway has answered with a problem document. */
export class Problem extends Error {
  /** @param {number} status @param {ProblemDocument} body @param {number | undefined} retryAfterS */
  constructor(status, body, retryAfterS) {
    super(body.detail ?? body.title ?? `status ${status}`)
    this.name = 'Problem'
    this.status = status
    this.body = body
    this.retryAfterS = retryAfterS
  }
}

/** The gateway has not answered. */
export class Disconnected extends Error {
  constructor() {
    super('The gateway does not answer.')
    this.name = 'Disconnected'
  }
}

/**
 * @template Answer
 * @param {string} path below /api/v1
 * @param {CallOptions} [options]
 * @returns {Promise<Answer>}
 * @throws {Problem | Disconnected} and what `signal` was aborted with
 */
export async function get(path, options = {}) {
  const { body } = await call('GET', path, undefined, options)
  // The shape is the gateway's to keep.
  return /** @type {Answer} */ (body)
}

/**
 * @param {'POST' | 'DELETE'} method
 * @param {string} path below /api/v1
 * @param {string | object | undefined} body an object is written as JSON, text is JSON already
 * @param {CallOptions} [options]
 */
export function send(method, path, body, options = {}) {
  return call(method, path, body === undefined || typeof body === 'string' ? body : JSON.stringify(body), options)
}

/**
 * @param {string} method @param {string} path @param {string | undefined} body @param {CallOptions} options
 * @returns {Promise<{ status: number, body: unknown, headers: Headers }>}
 */
async function call(method, path, body, { signal, headers = {}, timeoutMs = TIMEOUT_MS }) {
  const limit = AbortSignal.timeout(timeoutMs)
  /** @type {RequestInit} */
  const request = { method, headers: { accept: 'application/json', ...(body !== undefined && { 'content-type': 'application/json' }), ...headers }, signal: signal === undefined ? limit : AbortSignal.any([signal, limit]) }
  if (body !== undefined) request.body = body
  let answer
  let text
  try {
    answer = await fetch(`${PREFIX}${path}`, request)
    text = await answer.text()
  } catch {
    if (signal?.aborted) throw signal.reason
    tellConnection(false)
    throw new Disconnected()
  }
  tellConnection(true)
  const found = parsed(text)
  if (answer.ok) return { status: answer.status, body: found, headers: answer.headers }
  const problem = typeof found === 'object' && found !== null ? /** @type {ProblemDocument} */ (found) : { title: `The gateway answered with status ${answer.status}` }
  throw new Problem(answer.status, problem, Number(answer.headers.get('retry-after')) || undefined)
}

/** Something between here and the gateway may answer in another way. @param {string} text @returns {unknown} */
function parsed(text) {
  try {
    return parseExact(text)
  } catch {
    return undefined
  }
}

/** A query, without what is empty. @param {Readonly<Record<string, string | number | undefined | null>>} parameters */
export function query(parameters) {
  const given = Object.entries(parameters).flatMap(([name, value]) => (value === undefined || value === null || value === '' ? [] : [[name, String(value)]]))
  return given.length === 0 ? '' : `?${new URLSearchParams(given)}`
}
