/** Layer and RMS normalisation over the last axis, in the steps that exporters write them in. */
import { float, type Builder } from '../../src/builder.js'
import type { Value } from '../../src/ir.js'
import { emitRmsNorm } from '../../src/ops/rms-norm.js'
import { constants } from '../../src/ops/support/shapes.js'
import { made, number, onlyReadBy, orders, shiftedBy, uncast } from './match.js'
import { Unlike, type Pattern } from './pattern.js'

/** x / √(mean(x²) + ε)·scale, or with (x − mean(x)) in place of x, the start of a layer normalisation */
export const normalizationPattern: Pattern = {
  name: 'normalization',
  match: (node, b) => {
    if (node.op !== 'Mul' || node.domain !== '') return undefined
    for (const [scale, y] of orders(node)) {
      const found = readNormalized(uncast(y))
      if (!found) continue
      if (!isVectorFor(scale, found.x))
        return new Unlike('the scale is not one factor for each element of the last axis')
      return emitNormalization(b, found, scale)
    }
    return undefined
  },
}

/** The bias of a layer normalisation that had none. */
export const normalizationBiasPattern: Pattern = {
  name: 'normalization bias',
  match: (node, b) => {
    if (node.op !== 'Add' || node.domain !== '') return undefined
    for (const [y, bias] of orders(node)) {
      const norm = made(y, 'LayerNormalization')
      if (!norm || norm.inputs[2] || !onlyReadBy(y, node) || !isVectorFor(bias, y) || !bias.isInitializer)
        continue
      const inputs = [norm.input(0), norm.input(1), bias]
      return b.emit('LayerNormalization', inputs, Object.fromEntries(norm.attributes), { name: 'layer_norm' })
    }
    return undefined
  },
}

interface Normalized {
  readonly x: Value
  readonly epsilon: number
  /** Whether the mean was subtracted. */
  readonly centred: boolean
}

function emitNormalization(b: Builder, { x, epsilon, centred }: Normalized, scale: Value): Value {
  if (!centred) return emitRmsNorm(b, x, scale, epsilon)
  return b.emit(
    'LayerNormalization',
    [x, scale],
    { axis: -1, epsilon: float(epsilon) },
    { name: 'layer_norm' },
  )
}

/** x·(1/d), x·d^-½… or x/d with d = √(mean(x²) + ε). */
function readNormalized(v: Value): Normalized | undefined {
  const node = made(v, 'Mul', 'Div')
  if (!node) return undefined
  const candidates = node.op === 'Mul' ? [...orders(node)] : [[node.input(0), node.input(1)] as const]
  for (const [x, d] of candidates) {
    const variance = node.op === 'Mul' ? underInverseRoot(d) : underRoot(d)
    const shifted = variance && shiftedBy(variance)
    const squares = shifted && meanOf(shifted.x)
    if (!squares || !isSquareOf(squares, x)) continue
    const centre = made(x, 'Sub')
    const isCentred = centre !== undefined && meanOf(centre.input(1)) === uncast(centre.input(0))
    return { x: isCentred ? uncast(centre.input(0)) : x, epsilon: shifted.offset, centred: isCentred }
  }
  return undefined
}

/** r of √r. */
function underRoot(v: Value): Value | undefined {
  const node = made(v, 'Sqrt', 'Pow')
  if (node?.op === 'Pow') return number(node.inputs[1]) === 0.5 ? node.input(0) : undefined
  return node?.input(0)
}

/** r of 1/√r. */
function underInverseRoot(v: Value): Value | undefined {
  const node = made(v, 'Reciprocal', 'Div', 'Pow')
  if (node?.op === 'Reciprocal') return underRoot(node.input(0))
  if (node?.op === 'Div') return number(node.inputs[0]) === 1 ? underRoot(node.input(1)) : undefined
  return node && number(node.inputs[1]) === -0.5 ? node.input(0) : undefined
}

/** x of ReduceMean(x) over the last axis. */
function meanOf(v: Value): Value | undefined {
  const node = made(v, 'ReduceMean')
  const axes = constants(node?.inputs[1])
  const rank = node?.input(0).type?.shape?.length
  if (!node || node.int('keepdims', 1) !== 1 || axes?.length !== 1 || !rank) return undefined
  return axes[0] === -1 || axes[0] === rank - 1 ? uncast(node.input(0)) : undefined
}

function isSquareOf(v: Value, x: Value): boolean {
  const node = made(v, 'Pow', 'Mul')
  if (!node || uncast(node.input(0)) !== uncast(x)) return false
  return node.op === 'Pow' ? number(node.inputs[1]) === 2 : uncast(node.input(1)) === uncast(x)
}

function isVectorFor(v: Value, x: Value): boolean {
  const [shape, last] = [v.type?.shape, x.type?.shape?.at(-1)]
  return shape?.length === 1 && !!last && shape[0]!.equals(last) && v.type?.dtype === x.type?.dtype
}
