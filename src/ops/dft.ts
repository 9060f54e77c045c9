/** The rules of DFT. */
import type { Builder } from '../builder.js'
import { Expr } from '../expr.js'
import type { Node, Value } from '../ir.js'
import { invalid, type GradContext, type InferContext, type Inferred, type NdArray } from '../op.js'
import type { Dim, Shape } from '../types.js'
import { assume, compare, where } from './support/emit.js'
import { nd, offsets, stridesOf } from './support/nd.js'
import { constant, normalizeAxis, shapeOf, typeOf } from './support/shapes.js'

function dftAxis(node: Node, rank: number): number {
  const axis = node.inputs[2] ? constant(node.inputs[2]) : -2
  if (axis === undefined) throw invalid(node, 'an axis that is known before the run', 'a computed one')
  return normalizeAxis(node, axis, rank)
}

/** Whether the input is the first half of a spectrum, whose other half mirrors it, so that the result is real. */
function isMirrored(node: Node): boolean {
  return isFlag(node, 'inverse') && isFlag(node, 'onesided')
}

/** How many elements are transformed: dft_length where given, else all. */
function dftLength(node: Node, shape: Shape, ctx?: InferContext): Dim {
  const axis = dftAxis(node, shape.length)
  const all = isMirrored(node) ? shape[axis]!.sub(1).mul(2) : shape[axis]!
  if (!node.inputs[1]) return all
  return node.inputs[1].known?.[0] ?? ctx?.unknownDim(0, axis) ?? all
}

function isFlag(node: Node, name: string): boolean {
  return node.int(name, 0) === 1
}

/** Type rule: [..., transformed axis, ..., 2], or 1 for a result that is real. */
export function inferDft(node: Node, ctx: InferContext): Inferred[] {
  const { dtype, shape } = typeOf(node.inputs[0])
  if (!shape) return [{ type: { dtype } }]
  const length = dftLength(node, shape, ctx)
  const real = isMirrored(node)
  const kept = isFlag(node, 'onesided') && !real ? length.div(2).add(1) : length
  const dims = shape.with(dftAxis(node, shape.length), kept).with(-1, Expr.of(real ? 1 : 2))
  return [{ type: { dtype, shape: dims } }]
}

/** dX of a DFT. */
export function dftGradient(node: Node, { b, dy }: GradContext): Value {
  const shape = shapeOf(node, node.input(0))
  const axis = dftAxis(node, shape.length)
  const length = dftLength(node, shape)
  if (isMirrored(node)) return resized(b, mirroredGradient(b, dy(), axis, length), axis, shape[axis]!)
  const inverse = isFlag(node, 'inverse')
  const whole = resized(b, dy(), axis, length)
  const turned = b.emit('DFT', [whole, null, b.scalar('int64', axis)], { inverse: inverse ? 0 : 1 })
  const n = b.cast(b.dim(length), turned.type!.dtype)
  const scaled = inverse ? b.div(turned, n) : b.mul(turned, n)
  const real = shape.at(-1)!.constant === 1 ? resized(b, scaled, shape.length - 1, Expr.one) : scaled
  return resized(b, real, axis, shape[axis]!)
}

/**
 * dX_k = c_k/n · (transform of dy)_k for the first half of the spectrum, c_k = 2 but for the frequencies that are their own
 * mirror images.
 */
function mirroredGradient(b: Builder, dy: Value, axis: number, length: Dim): Value {
  const half = b.emit('DFT', [dy, null, b.scalar('int64', axis)], { onesided: 1 })
  const [n, bins] = [b.dim(length), b.reshape(b.dim(length.div(2).add(1)), [])]
  const k = b.emit('Range', [b.scalar('int64', 0), bins, b.scalar('int64', 1)])
  const own = b.emit('Or', [compare(b, 'Equal', k, 0), compare(b, 'Equal', b.scale(k, 2), n)])
  const { dtype, shape } = half.type!
  const twice = where(b, own, b.scalar(dtype, 1), 2)
  const factor = b.div(twice, b.cast(n, dtype))
  return b.mul(half, b.reshape(factor, [length.div(2).add(1), ...shape!.slice(axis + 1).map(() => Expr.one)]))
}

/** `x` cut or padded with zeros to `length` along an axis. */
function resized(b: Builder, x: Value, axis: number, length: Dim): Value {
  const dims = x.type!.shape!
  if (dims[axis]!.equals(length)) return x
  const missing = length.sub(dims[axis]!)
  const more = missing.max(0)
  const padded = more.equals(0) ? x : b.emit('Pad', [x, b.shape([Expr.zero, more]), null, b.ints([axis])])
  return assume(
    b.emit('Slice', [padded, b.ints([0]), b.dim(length), b.ints([axis])]),
    dims.with(axis, length),
  )
}

/** Reference semantics: the sums as they are written. */
export function evaluateDft(node: Node, [x, length, axisInput]: readonly (NdArray | undefined)[]): NdArray[] {
  const rank = x!.shape.length
  const axis = normalizeAxis(node, axisInput?.data[0] ?? -2, rank)
  if (isMirrored(node)) return [evaluateMirrored(x!, axis, length?.data[0] ?? 2 * (x!.shape[axis]! - 1))]
  const n = length?.data[0] ?? x!.shape[axis]!
  const kept = isFlag(node, 'onesided') ? Math.floor(n / 2) + 1 : n
  const inverse = isFlag(node, 'inverse')
  const y = nd(x!.dtype, x!.shape.with(axis, kept).with(-1, 2), 0)
  const lines = x!.shape.map((d, i) => (i === axis || i === rank - 1 ? 1 : d))
  const [from, to] = [offsets(lines, stridesOf(x!.shape)), offsets(lines, stridesOf(y.shape))]
  const [step, stride] = [stridesOf(x!.shape)[axis]!, stridesOf(y.shape)[axis]!]
  const used = Math.min(n, x!.shape[axis]!)
  from.forEach((start, line) => {
    for (let k = 0; k < kept; k++) {
      for (let i = 0; i < used; i++) {
        const angle = ((inverse ? 2 : -2) * Math.PI * i * k) / n
        const [c, s] = [Math.cos(angle) / (inverse ? n : 1), Math.sin(angle) / (inverse ? n : 1)]
        const re = x!.data[start + i * step]!
        const im = x!.shape.at(-1) === 2 ? x!.data[start + i * step + 1]! : 0
        y.data[to[line]! + k * stride]! += re * c - im * s
        y.data[to[line]! + k * stride + 1]! += re * s + im * c
      }
    }
  })
  return [y]
}

/** yₜ = (1/n) Σ_k c_k·Re(X_k·e^{2πikt/n}) over the first half of the spectrum; see `mirroredGradient`. */
function evaluateMirrored(x: NdArray, axis: number, n: number): NdArray {
  const y = nd(x.dtype, x.shape.with(axis, n).with(-1, 1), 0)
  const lines = x.shape.map((d, i) => (i === axis || i === x.shape.length - 1 ? 1 : d))
  const [from, to] = [offsets(lines, stridesOf(x.shape)), offsets(lines, stridesOf(y.shape))]
  const [step, stride] = [stridesOf(x.shape)[axis]!, stridesOf(y.shape)[axis]!]
  const bins = Math.min(Math.floor(n / 2) + 1, x.shape[axis]!)
  from.forEach((start, line) => {
    for (let t = 0; t < n; t++)
      for (let k = 0; k < bins; k++) {
        const angle = (2 * Math.PI * k * t) / n
        const [re, im] = [x.data[start + k * step]!, x.data[start + k * step + 1]!]
        const twice = k === 0 || 2 * k === n ? 1 : 2
        y.data[to[line]! + t * stride]! += (twice * (re * Math.cos(angle) - im * Math.sin(angle))) / n
      }
  })
  return y
}
