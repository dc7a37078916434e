/**
 * The constants of a Java enum whose constructor begins with an int, name to int, read out of its class file: each is made in the
 * static initialiser by pushing its name, its ordinal and that int, in this order.
 */
export function enumInts(classFile: Buffer): Map<string, number> {
  const { constants, end } = constantPool(classFile)
  const code = staticInitialiser(classFile, constants, end)
  const ints = new Map<string, number>()
  /** What was pushed last. */
  let pushed: (string | number)[] = []
  for (let at = 0; at < code.length; at += instructionBytes(code, at)) {
    const value = pushedBy(code, at, constants)
    pushed = value === undefined ? [] : [...pushed, value]
    const [name, ordinal, int] = pushed.slice(-3)
    if (typeof name === 'string' && typeof ordinal === 'number' && typeof int === 'number') ints.set(name, int)
  }
  return ints
}

/** Texts at the index of the constant that names them, strings and plain UTF-8 alike. */
type Constants = Map<number, string>

function constantPool(classFile: Buffer): { constants: Constants; end: number } {
  const texts: Constants = new Map()
  const strings = new Map<number, number>()
  const count = classFile.readUInt16BE(8)
  let at = 10
  for (let index = 1; index < count; index++) {
    const tag = classFile.readUInt8(at)
    if (tag === 1) texts.set(index, classFile.toString('utf8', at + 3, at + 3 + classFile.readUInt16BE(at + 1)))
    if (tag === 8) strings.set(index, classFile.readUInt16BE(at + 1))
    at += tag === 1 ? 3 + classFile.readUInt16BE(at + 1) : (CONSTANT_BYTES[tag] ?? unknown(`constant of kind ${tag}`))
    // longs and doubles take two places
    if (tag === 5 || tag === 6) index++
  }
  for (const [index, text] of strings) texts.set(index, texts.get(text) ?? '')
  return { constants: texts, end: at }
}

const CONSTANT_BYTES: Record<number, number> = { 3: 5, 4: 5, 5: 9, 6: 9, 7: 3, 8: 3, 9: 5, 10: 5, 11: 5, 12: 5, 15: 4, 16: 3, 17: 5, 18: 5 }

function staticInitialiser(classFile: Buffer, constants: Constants, poolEnd: number): Buffer {
  let at = poolEnd + 6
  at += 2 + 2 * classFile.readUInt16BE(at)
  // fields, then methods, laid out alike
  for (const kind of ['field', 'method']) {
    const count = classFile.readUInt16BE(at)
    at += 2
    for (let i = 0; i < count; i++) {
      const name = constants.get(classFile.readUInt16BE(at + 2))
      const attributes = classFile.readUInt16BE(at + 6)
      at += 8
      for (let j = 0; j < attributes; j++) {
        const attribute = constants.get(classFile.readUInt16BE(at))
        if (kind === 'method' && name === '<clinit>' && attribute === 'Code') return classFile.subarray(at + 14, at + 14 + classFile.readUInt32BE(at + 10))
        at += 6 + classFile.readUInt32BE(at + 2)
      }
    }
  }
  throw new Error('the class has no static initialiser')
}

function pushedBy(code: Buffer, at: number, constants: Constants): string | number | undefined {
  const opcode = code.readUInt8(at)
  if (opcode >= 0x02 && opcode <= 0x08) return opcode - 0x03
  if (opcode === 0x10) return code.readInt8(at + 1)
  if (opcode === 0x11) return code.readInt16BE(at + 1)
  if (opcode === 0x12) return constants.get(code.readUInt8(at + 1))
  if (opcode === 0x13) return constants.get(code.readUInt16BE(at + 1))
  return undefined
}

function instructionBytes(code: Buffer, at: number): number {
  const opcode = code.readUInt8(at)
  if (opcode === 0xaa || opcode === 0xab || opcode === 0xc4) return unknown(`instruction ${opcode}`)
  if (opcode === 0x10 || opcode === 0x12 || opcode === 0xa9 || opcode === 0xbc || (opcode >= 0x15 && opcode <= 0x19) || (opcode >= 0x36 && opcode <= 0x3a))
    return 2
  if (opcode === 0xb9 || opcode === 0xba || opcode === 0xc8 || opcode === 0xc9) return 5
  if (opcode === 0xc5) return 4
  const withTwoBytes =
    opcode === 0x11 ||
    opcode === 0x13 ||
    opcode === 0x14 ||
    opcode === 0x84 ||
    (opcode >= 0x99 && opcode <= 0xa8) ||
    (opcode >= 0xb2 && opcode <= 0xc1 && opcode !== 0xbe && opcode !== 0xbf)
  return withTwoBytes || opcode === 0xc6 || opcode === 0xc7 ? 3 : 1
}

function unknown(what: string): never {
  throw new Error(`${what} was not expected in the class file of an enum`)
}
