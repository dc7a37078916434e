const FOLDER = 'choose another folder with --data'

/** What a person can do about an error of the operating system, by its code. */
const REMEDIES = new Map([
  ['EACCES', `give this user the right to it, or ${FOLDER}`],
  ['EPERM', `give this user the right to it, or ${FOLDER}`],
  ['EROFS', `it is mounted read-only: ${FOLDER}`],
  ['EEXIST', `a file is in the place of a folder: move it away, or ${FOLDER}`],
  ['ENOTDIR', `a file is in the place of a folder: move it away, or ${FOLDER}`],
  ['ENOSPC', `the disk is full: free some space and start again, or ${FOLDER}`],
  ['EDQUOT', `the quota is used up: free some space and start again, or ${FOLDER}`],
  ['EMFILE', 'too many files are open: raise the limit (ulimit -n)'],
  ['EADDRINUSE', 'something else listens there: stop it, or choose another address'],
])

/** The message for an error of the operating system that a person can put right; `undefined` for any other error. */
export function systemFault(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return undefined
  const remedy = REMEDIES.get(error.code)
  return remedy === undefined ? undefined : `${error.message}; ${remedy}`
}
