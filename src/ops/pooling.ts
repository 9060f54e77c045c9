/** Pooling over sliding windows, and over everything spatial. */
import type { Builder } from '../builder.js'
import { Expr } from '../expr.js'
import type { Node, Value } from '../ir.js'
import type { GradContext, GradRule, InferContext, Inferred, NdArray, OpDef } from '../op.js'
import { elementCount, type DType, type Shape, type TensorType } from '../types.js'
import { transposedConvolution } from './convolution.js'
import { compare, divideByCount, where } from './support/emit.js'
import { nd, offsets, reduce, sizeOf } from './support/nd.js'
import { shapeOf } from './support/shapes.js'
import { knownPads, span, tapPositions, windowCount, windowsOf, type Windows } from './support/windows.js'

/** Definitions of pooling operators. */
export const pooling = {
  /** y = mean of a window; dx = Σ over the windows that hold x of dy / n */
  AveragePool: { infer: inferPool, grad: averageGradient, evaluate: poolBy(average) },
  /** y = max of a window, with its position in x as second output; dx = dy at that position */
  MaxPool: { infer: inferMaxPool, grad: maxGradient, evaluate: evaluateMaxPool },
  /** y = (Σ|x|ᵖ)^(1/p) of a window; dx = sign(x)·|x|ᵖ⁻¹·Σ over the windows that hold x of dy·y¹⁻ᵖ */
  LpPool: { infer: inferPool, grad: lpGradient, evaluate: poolBy(lpNorm) },
  /** y = mean of a channel; dx = dy / n */
  GlobalAveragePool: {
    infer: inferGlobal,
    grad: globalGradient((_node, b, x, _y, dy) => {
      const spatial = x.type!.shape!.slice(2)
      return b.emit('Expand', [divideByCount(b, dy, spatial), b.shape(x.type!.shape!)])
    }),
    evaluate: globalPool((_node, line) => line.reduce((a, b) => a + b, 0) / line.length),
  },
  /** y = max of a channel; dx = dy where x = y, shared equally where several are */
  GlobalMaxPool: {
    infer: inferGlobal,
    grad: globalGradient((_node, b, x, y, dy) => {
      const equal = compare(b, 'Equal', x, y)
      const count = b.sum(b.cast(equal, x.type!.dtype), spatialAxes(x), true)
      return where(b, equal, b.div(dy, count))
    }),
    evaluate: globalPool((_node, line) => line.reduce((a, b) => Math.max(a, b), -Infinity)),
  },
  /** y = (Σ|x|ᵖ)^(1/p) of a channel; dx = dy·sign(x)·(|x| / y)ᵖ⁻¹, 0 where y = 0 */
  GlobalLpPool: {
    infer: inferGlobal,
    grad: globalGradient((node, b, x, y, dy) => {
      const safe = where(b, compare(b, 'Equal', y, 0), b.scalarLike(y, 1), y)
      return b.mul(dy, signedPower(b, b.div(x, safe), power(node) - 1))
    }),
    evaluate: globalPool((node, line) => lpNorm(node, [...line])),
  },
} satisfies Record<string, OpDef>

type Evaluate = NonNullable<OpDef['evaluate']>

function power(node: Node): number {
  return node.int('p', 2)
}

function lpNorm(node: Node, values: readonly number[]): number {
  return values.reduce((sum, x) => sum + Math.abs(x) ** power(node), 0) ** (1 / power(node))
}

/** sign(x)·|x|ᵖ. */
function signedPower(b: Builder, x: Value, p: number): Value {
  if (p === 1) return x
  const sign = b.emit('Sign', [x])
  return p === 0 ? sign : b.mul(sign, b.emit('Pow', [b.emit('Abs', [x]), b.scalarLike(x, p)]))
}

function windowsOver(node: Node, shape: Shape): Windows {
  return windowsOf(node, shape.slice(2), node.ints('kernel_shape')!.map(Expr.of))
}

function inferPool(node: Node, ctx: InferContext): Inferred[] {
  const type = node.input(0).type
  if (!type?.shape) return type ? [{ type }] : []
  const windows = windowsOver(node, type.shape)
  const counts = type.shape.slice(2).map((d, i) => windowCount(windows, i, d) ?? ctx.unknownDim(0, i + 2))
  return [{ type: { dtype: type.dtype, shape: [...type.shape.slice(0, 2), ...counts] } }]
}

function inferMaxPool(node: Node, ctx: InferContext): Inferred[] {
  return inferPool(node, ctx).flatMap((y) => [y, { type: { dtype: 'int64', shape: y.type.shape } }])
}

/** The windows with as much padding behind as the last one reaches; with ceil_mode it may reach further than declared. */
function fitted(node: Node): Windows {
  const [shape, counts] = [shapeOf(node, node.input(0)), shapeOf(node, node.output()).slice(2)]
  const windows = windowsOver(node, shape)
  if (!windows.ceil) return windows
  const pads = windows.pads.map((p, i): readonly [number, number] | undefined => {
    const reach = counts[i]!.sub(1)
      .mul(windows.strides[i]!)
      .add(span(windows, i))
      .sub(shape[i + 2]!).constant
    return p && reach !== undefined ? [p[0], Math.max(p[1], reach - p[0])] : undefined
  })
  return { ...windows, pads }
}

/** For every element of x, the sum of `dy` over the windows that hold it. */
function spread(node: Node, b: Builder, dy: Value): Value {
  const [shape, counts] = [shapeOf(node, node.input(0)), shapeOf(node, node.output()).slice(2)]
  const windows = fitted(node)
  const maps = elementCount(shape.slice(0, 2))
  const kernel = b.full({ dtype: dy.type!.dtype, shape: [Expr.one, Expr.one, ...windows.kernel] }, 1)
  const flat = b.reshape(dy, [maps, Expr.one, ...counts])
  const dx = transposedConvolution(b, node, flat, kernel, windows, [maps, Expr.one, ...shape.slice(2)])
  return b.reshape(dx, shape)
}

function averageGradient(node: Node, { b, dy }: GradContext): ReturnType<GradRule> {
  return [() => spread(node, b, b.div(dy(), windowSizes(node, b, dy().type!.dtype)))]
}

/** How many elements each window averages: a scalar where all are whole, else one number a window. */
function windowSizes(node: Node, b: Builder, dtype: DType): Value {
  const declared = windowsOver(node, shapeOf(node, node.input(0)))
  const reaching = fitted(node)
  const inner =
    node.int('count_include_pad', 0) === 1 ? knownPads(node, declared) : declared.kernel.map(() => [0, 0])
  const outer = knownPads(node, reaching)
  const outside = outer.map((p, i): [number, number] => [p[0] - inner[i]![0]!, p[1] - inner[i]![1]!])
  if (outside.flat().every((n) => n === 0)) {
    return b.scalar(dtype, sizeOf(declared.kernel.map((k) => k.constant!)))
  }
  const spatial = shapeOf(node, node.input(0)).slice(2)
  const counted = spatial.map((d, i) => d.add(inner[i]![0]! + inner[i]![1]!))
  const ones = b.full({ dtype, shape: [Expr.one, Expr.one, ...counted] }, 1)
  const kernel = b.full({ dtype, shape: [Expr.one, Expr.one, ...declared.kernel] }, 1)
  const { strides, dilations } = declared
  const pads = [...outside.map((p) => p[0]), ...outside.map((p) => p[1])]
  return b.emit('Conv', [ones, kernel], { strides, dilations, pads })
}

function lpGradient(node: Node, { b, dy }: GradContext): ReturnType<GradRule> {
  const [x, y, p] = [node.input(0), node.output(), power(node)]
  return [
    () => {
      if (p === 1) return b.mul(b.emit('Sign', [x]), spread(node, b, dy()))
      const safe = where(b, compare(b, 'Equal', y, 0), b.scalarLike(y, 1), y)
      const scaled = b.mul(dy(), b.emit('Pow', [safe, b.scalarLike(y, 1 - p)]))
      return b.mul(signedPower(b, x, p - 1), spread(node, b, scaled))
    },
  ]
}

function maxGradient(node: Node, { b, dy, saved }: GradContext): ReturnType<GradRule> {
  const x = node.input(0)
  return [
    () => {
      const type: TensorType = { dtype: 'int64', shape: node.output().type!.shape }
      const [shape, count] = [shapeOf(node, x), elementCount(shapeOf(node, node.output()))]
      const zeros = b.full({ dtype: x.type!.dtype, shape: [elementCount(shape)] }, 0)
      const positions = node.int('storage_order', 0) === 0 ? saved(1, type) : rowMajorPositions(node, b)
      const flat = [zeros, b.reshape(positions, [count]), b.reshape(dy(), [count])]
      return b.reshape(b.emit('ScatterElements', flat, { axis: 0, reduction: 'add' }), shape)
    },
  ]
}

/** Positions counted with the last axis fastest, for a node that counts the other way. */
function rowMajorPositions(node: Node, b: Builder): Value {
  const attributes = { ...Object.fromEntries(node.attributes), storage_order: 0 }
  return b.emitAll('MaxPool', [node.input(0)], attributes, { outputs: 2 })[1]!
}

/** What one window holds: positions in the channel, and how many it counts, declared padding included. */
interface Held {
  readonly positions: readonly number[]
  readonly padded: number
}

/** Calls `visit` for every window of every channel, in order; returns the shape of the result. */
function slide(node: Node, x: NdArray, visit: (held: Held, channel: number) => void): number[] {
  const input = x.shape.slice(2)
  const windows = windowsOver(node, x.shape.map(Expr.of))
  const output = input.map((d, i) => windowCount(windows, i, Expr.of(d))!.constant!)
  const pads = knownPads(node, windows)
  const padded = tapPositions(
    { ...windows, pads: pads.map(() => [0, 0]) },
    input.map((d, i) => d + pads[i]![0] + pads[i]![1]),
    output,
  )
  const taps = tapPositions(windows, input, output)
  const held = taps.map((t, i) => ({
    positions: [...t].filter((p) => p >= 0),
    padded: padded[i]!.filter((p) => p >= 0).length,
  }))
  const channels = x.shape[0]! * x.shape[1]!
  for (let c = 0; c < channels; c++) for (const h of held) visit(h, c)
  return [...x.shape.slice(0, 2), ...output]
}

/** Pools by a function of a window's elements and of how many it counts. */
function poolBy(f: (node: Node, values: readonly number[], padded: number) => number): Evaluate {
  return (node, [x]) => {
    const size = sizeOf(x!.shape.slice(2))
    const data: number[] = []
    const shape = slide(node, x!, ({ positions, padded }, channel) => {
      const values = positions.map((p) => x!.data[channel * size + p]!)
      data.push(f(node, values, padded))
    })
    return [nd(x!.dtype, shape, data)]
  }
}

function average(node: Node, values: readonly number[], padded: number): number {
  return values.reduce((a, b) => a + b, 0) / (node.int('count_include_pad', 0) === 1 ? padded : values.length)
}

function evaluateMaxPool(node: Node, [x]: readonly (NdArray | undefined)[]): NdArray[] {
  const spatial = x!.shape.slice(2)
  const size = sizeOf(spatial)
  const found: number[] = []
  const shape = slide(node, x!, ({ positions }, channel) => {
    const best = positions.reduce(
      (a, p) => (x!.data[channel * size + p]! > x!.data[channel * size + a]! ? p : a),
      positions[0]!,
    )
    found.push(channel * size + best)
  })
  const order = node.int('storage_order', 0)
  const strides = [...spatial.keys()].map((i) => sizeOf(spatial.slice(0, i)))
  const columnMajor = offsets(spatial, strides)
  const positions = found.map((p) => (order === 0 ? p : p - (p % size) + columnMajor[p % size]!))
  return [
    nd(
      x!.dtype,
      shape,
      found.map((p) => x!.data[p]!),
    ),
    nd('int64', shape, positions),
  ]
}

function inferGlobal(node: Node): Inferred[] {
  const type = node.input(0).type
  return type
    ? [{ type: { dtype: type.dtype, shape: type.shape?.map((d, i) => (i < 2 ? d : Expr.one)) } }]
    : []
}

function spatialAxes(x: Value): number[] {
  return [...x.type!.shape!.keys()].slice(2)
}

function globalGradient(dx: (node: Node, b: Builder, x: Value, y: Value, dy: Value) => Value): GradRule {
  return (node, { b, dy }) => [() => dx(node, b, node.input(0), node.output(), dy())]
}

function globalPool(f: (node: Node, line: Float64Array) => number): Evaluate {
  return (node, [x]) => [reduce(x!, [...x!.shape.keys()].slice(2), true, (line) => f(node, line))]
}
