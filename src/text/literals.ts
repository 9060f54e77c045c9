/** Tensor elements and element types as text. */
import { CompileError } from '../errors.js'
import { Tensor } from '../tensor.js'
import { dtypeOf } from '../builder.js'

/** Element types as the textual syntax names them, by `TensorProto.DataType`. */
export const PRIMITIVES: readonly string[] = (
  'undefined float uint8 int8 uint16 int16 int32 int64 string bool float16 double uint32 uint64 complex64 complex128 bfloat16 ' +
  'float8e4m3fn float8e4m3fnuz float8e5m2 float8e5m2fnuz uint4 int4 float4e2m1 float8e8m0 uint2 int2 float6e2m3 float6e3m2'
).split(' ')

/** A float so that it reads as one: with a point, an exponent, or as `inf`, `nan`. */
export function floatText(x: number): string {
  const text = numberText(shortest32(x))
  return /^-?\d+$/.test(text) ? `${text}.0` : text
}

function numberText(x: number): string {
  if (Number.isNaN(x)) return 'nan'
  if (!Number.isFinite(x)) return x > 0 ? 'inf' : '-inf'
  return Object.is(x, -0) ? '-0' : String(x)
}

/** The number with the fewest digits that rounds to the same float32. */
function shortest32(x: number): number {
  if (!Number.isFinite(x) || x === 0) return x
  for (let digits = 1; digits < 9; digits++) {
    const shorter = Number(x.toPrecision(digits))
    if (Math.fround(shorter) === Math.fround(x)) return shorter
  }
  return Math.fround(x) === x ? Number(x.toPrecision(9)) : x
}

/** The elements of a tensor as text; half-precision floats as bit patterns, as the syntax has it. */
export function elementTexts(tensor: Tensor): string[] {
  const v = view(tensor.bytes())
  const n = tensor.size
  const each = (text: (i: number) => string): string[] => Array.from({ length: n }, (_, i) => text(i))
  switch (tensor.dtype) {
    case 'int64':
      return each((i) => String(v.getBigInt64(i * 8, true)))
    case 'uint64':
      return each((i) => String(v.getBigUint64(i * 8, true)))
    case 'float16':
    case 'bfloat16':
      return each((i) => String(v.getUint16(i * 2, true)))
    case 'float32':
      return [...tensor.numbers()].map((x) => numberText(shortest32(x)))
    default:
      return [...tensor.numbers()].map(numberText)
  }
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** A literal of the text, with where it stands, for messages. */
export interface Literal {
  readonly text: string
  readonly fail: (expected: string) => CompileError
}

/**
 * The little-endian bytes of literals of an element type. A half-precision float is a bit pattern where it is written as
 * an integer, as the syntax has it, and a number where it has a point or an exponent.
 */
export function elementBytes(dataType: number, literals: readonly Literal[]): Uint8Array {
  const dtype = dtypeOf(dataType)
  if (dtype === 'int64' || dtype === 'uint64') return wideBytes(dtype === 'int64', literals)
  const isHalf = dtype === 'float16' || dtype === 'bfloat16'
  if (isHalf && literals.every((l) => /^\d+$/.test(l.text))) {
    return Tensor.of(
      'uint16',
      [literals.length],
      literals.map((l) => parseInteger(l, 0, 0xffff)),
    ).bytes()
  }
  const range = RANGES[dtype]
  const parse = range ? (l: Literal): number => parseInteger(l, ...range) : parseFloatLiteral
  return Tensor.of(dtype, [literals.length], literals.map(parse)).bytes()
}

const RANGES: Readonly<Record<string, readonly [number, number]>> = {
  bool: [0, 1],
  int8: [-128, 127],
  uint8: [0, 255],
  int16: [-32768, 32767],
  uint16: [0, 65535],
  int32: [-(2 ** 31), 2 ** 31 - 1],
  uint32: [0, 2 ** 32 - 1],
}

function parseInteger(literal: Literal, low: number, high: number): number {
  const n = literal.text === 'true' ? 1 : literal.text === 'false' ? 0 : Number(literal.text)
  if (!Number.isInteger(n) || n < low || n > high) throw literal.fail(`an integer from ${low} to ${high}`)
  return n
}

/** The value of a float literal. */
export function parseFloatLiteral(literal: Literal): number {
  const special = /^([+-]?)(inf|infinity|nan)$/i.exec(literal.text)
  if (special) return special[2]!.toLowerCase() === 'nan' ? NaN : special[1] === '-' ? -Infinity : Infinity
  const x = Number(literal.text)
  if (Number.isNaN(x)) throw literal.fail('a number')
  return x
}

function wideBytes(signed: boolean, literals: readonly Literal[]): Uint8Array {
  const bytes = new Uint8Array(literals.length * 8)
  literals.forEach((l, i) => {
    if (!/^[+-]?\d+$/.test(l.text)) throw l.fail('an integer')
    const n = BigInt(l.text)
    const fits = signed ? BigInt.asIntN(64, n) === n : BigInt.asUintN(64, n) === n
    if (!fits) throw l.fail(`a ${signed ? 'signed' : 'unsigned'} 64-bit integer`)
    view(bytes).setBigUint64(i * 8, BigInt.asUintN(64, n), true)
  })
  return bytes
}
