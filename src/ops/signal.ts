/** Signal processing: window functions, mel filters, Fourier transforms. */
import { dtypeOf, type Builder } from '../builder.js'
import { Expr } from '../expr.js'
import type { Node, Value } from '../ir.js'
import { invalid, type InferContext, type Inferred, type NdArray, type OpDef } from '../op.js'
import type { Dim, Shape } from '../types.js'
import { dftGradient, evaluateDft, inferDft } from './dft.js'
import { nd } from './support/nd.js'
import { shapeOf, typeOf } from './support/shapes.js'

/** Definitions of signal operators. */
export const signal = {
  HannWindow: window((angle) => 0.5 - 0.5 * Math.cos(angle)),
  HammingWindow: window((angle) => 25 / 46 - (21 / 46) * Math.cos(angle)),
  BlackmanWindow: window((angle) => 0.42 - 0.5 * Math.cos(angle) + 0.08 * Math.cos(2 * angle)),
  /** Triangular filters that are evenly spaced in mel. Inputs: bins, dft_length, sample_rate, lower and upper edge in hertz. */
  MelWeightMatrix: {
    infer: (node, ctx) => {
      const [bins, length] = [node.input(0).known?.[0], node.input(1).known?.[0]]
      const shape = [length?.div(2).add(1) ?? ctx.unknownDim(0, 0), bins ?? ctx.unknownDim(0, 1)]
      return [{ type: { dtype: outputType(node), shape } }]
    },
    grad: 'none',
    evaluate: (node, inputs) => [
      melFilters(
        node,
        inputs.map((x) => x!.data[0]!),
      ),
    ],
  },
  /**
   * Y = F·X along an axis, F the Fourier matrix, or F̄/n with `inverse`. dX = F̄ᵀ·dY = n·(inverse transform of dY), or
   * (transform of dY)/n. Inputs: x [..., 1 or 2], dft_length, axis (−2 where absent). With `inverse` and `onesided` x is the
   * first half of a spectrum, and Y real.
   */
  DFT: {
    infer: inferDft,
    grad: (node, g) => [() => dftGradient(node, g), null, null],
    evaluate: evaluateDft,
  },
  /** DFT of windowed frames. Inputs: signal [batch, length, 1 or 2], frame_step, window (optional), frame_length. */
  STFT: { infer: inferStft, grad: 'none', lower: lowerStft },
} satisfies Record<string, OpDef>

function outputType(node: Node) {
  return dtypeOf(node.int('output_datatype', 1))
}

/** A window function of the angle 2πi/n, n the number of elements, or one less where it is not periodic. */
function window(f: (angle: number) => number): OpDef {
  return {
    infer: (node, ctx) => {
      const size = node.input(0).known?.[0] ?? ctx.unknownDim(0, 0)
      return [{ type: { dtype: outputType(node), shape: [size] } }]
    },
    grad: 'none',
    evaluate: (node, [size]) => {
      const length = size!.data[0]!
      const period = node.int('periodic', 1) === 1 ? length : length - 1
      const data = Array.from({ length }, (_, i) => f((2 * Math.PI * i) / period))
      return [nd(outputType(node), [length], data)]
    },
  }
}

function melFilters(node: Node, [bins, length, rate, lower, upper]: readonly number[]): NdArray {
  const mel = (hertz: number) => 2595 * Math.log10(1 + hertz / 700)
  const rows = Math.floor(length! / 2) + 1
  const step = (mel(upper!) - mel(lower!)) / (bins! + 2)
  const edge = Array.from({ length: bins! + 2 }, (_, i) => {
    const hertz = 700 * (10 ** ((mel(lower!) + i * step) / 2595) - 1)
    return Math.floor(((length! + 1) * hertz) / rate!)
  })
  const weights = nd(outputType(node), [rows, bins!], 0)
  for (let i = 0; i < bins!; i++) {
    const [from, top, to] = edge.slice(i, i + 3) as [number, number, number]
    const set = (row: number, weight: number) => (weights.data[row * bins! + i] = weight)
    for (let row = from; row <= top; row++) set(row, top === from ? 1 : (row - from) / (top - from))
    for (let row = top; row < to; row++) set(row, (to - row) / (to - top))
  }
  return weights
}

/** Length of a frame, and how many there are. */
function frames(node: Node, shape: Shape): { length: Dim; count: Dim } | undefined {
  const given = node.inputs[3] ? node.inputs[3].known?.[0] : node.inputs[2]?.type?.shape?.[0]
  const step = node.input(1).known?.[0]
  return given && step ? { length: given, count: shape[1]!.sub(given).div(step).add(1) } : undefined
}

function inferStft(node: Node, ctx: InferContext): Inferred[] {
  const { dtype, shape } = typeOf(node.inputs[0])
  const found = shape && frames(node, shape)
  if (!shape || !found) return [{ type: { dtype } }]
  const bins = node.int('onesided', 1) === 1 ? found.length.div(2).add(1) : found.length
  return [{ type: { dtype, shape: [shape[0] ?? ctx.unknownDim(0, 0), found.count, bins, Expr.of(2)] } }]
}

function lowerStft(node: Node, b: Builder): Value[] {
  const signal = node.input(0)
  const found = frames(node, shapeOf(node, signal))
  if (!found) throw invalid(node, 'a frame length and step that are known before the run', 'computed ones')
  const starts = b.mul(counting(b, found.count), node.input(1))
  const at = b.add(b.reshape(starts, [found.count, Expr.one]), counting(b, found.length))
  const framed = b.emit('Gather', [signal, at], { axis: 1 })
  const weighted = node.inputs[2]
    ? b.mul(framed, b.reshape(node.inputs[2], [found.length, Expr.one]))
    : framed
  return [b.emit('DFT', [weighted, null, b.scalar('int64', -2)], { onesided: node.int('onesided', 1) })]
}

/** 0, 1, … below `count`. */
function counting(b: Builder, count: Dim): Value {
  return b.emit('Range', [b.scalar('int64', 0), b.reshape(b.dim(count), []), b.scalar('int64', 1)])
}
