/** Exit codes of the `tradewind` command. */
export const EXIT = {
  ok: 0,
  /** Something failed; the message says what. */
  failed: 1,
  /** Wrong command line or settings. */
  usage: 2,
  /** It ran, but a check of the results failed. */
  checkFailed: 3,
} as const

/** Something that a person has to put right: the message says what was found, what was expected and what to do. */
export class PersonsMistake extends Error {
  override readonly name: string = 'PersonsMistake'
}
