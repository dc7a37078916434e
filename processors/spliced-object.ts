import type { ByteWriter } from '../records/byte-writer.ts'

const OPEN_OBJECT = 123
const COMMA = Buffer.from(',')

/**
 * A JSON object made of stretches of another one: members are kept with the bytes they came in, dropped, or given another name or value. What lies side by side
 * in the source is copied at once, spaces and commas included.
 */
export class SplicedObject {
  #source: Buffer = Buffer.alloc(0)
  /** For each piece its start and its end in the source; a start of -1 - n: text n of `#texts`. */
  #pieces = new Int32Array(32)
  #pieceCount = 0
  readonly #texts: Buffer[] = []
  #textCount = 0
  /** The stretch that is being extended; a start of -1: none. */
  #start = -1
  #end = 0
  #empty = true

  reset(source: Buffer): void {
    this.#source = source
    this.#pieceCount = 0
    this.#textCount = 0
    this.#start = -1
    this.#empty = true
  }

  /** Keeps a member, or the next part of one, up to `end`. */
  keep(start: number, end: number): void {
    if (this.#start < 0) {
      if (!this.#empty) this.#piece(-1 - this.#text(COMMA), 0)
      this.#start = start
      this.#empty = false
    }
    this.#end = end
  }

  /** Leaves out the member that follows what was kept. */
  drop(): void {
    if (this.#start < 0) return
    this.#piece(this.#start, this.#end)
    this.#start = -1
  }

  /** Puts `text` in the place of the source's bytes up to `next`; the member it belongs to has been kept up to there and goes on at `next`. */
  replace(text: Buffer, next: number): void {
    this.#piece(this.#start, this.#end)
    this.#piece(-1 - this.#text(text), 0)
    this.#start = next
    this.#end = next
  }

  /** Writes the object without its closing brace: members can be appended. `drop` must have closed it. */
  write(target: ByteWriter): void {
    const pieces = this.#pieces
    target.byte(OPEN_OBJECT)
    for (let at = 0; at < this.#pieceCount * 2; at += 2) {
      const start = pieces[at] ?? 0
      if (start >= 0) target.copy(this.#source, start, pieces[at + 1] ?? 0)
      else target.copy(this.#texts[-1 - start] ?? COMMA, 0, this.#texts[-1 - start]?.length ?? 1)
    }
  }

  #piece(start: number, end: number): void {
    const at = this.#pieceCount++ * 2
    if (at === this.#pieces.length) {
      const larger = new Int32Array(at * 2)
      larger.set(this.#pieces)
      this.#pieces = larger
    }
    this.#pieces[at] = start
    this.#pieces[at + 1] = end
  }

  #text(text: Buffer): number {
    this.#texts[this.#textCount] = text
    return this.#textCount++
  }
}
