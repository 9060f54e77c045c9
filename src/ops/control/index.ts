/** Control flow: type rules of If, Loop and Scan, and their gradients. What is known before the run is inlined instead. */
import { Expr } from '../../expr.js'
import type { Graph, Node, Value } from '../../ir.js'
import type { InferContext, Inferred, OpDef } from '../../op.js'
import type { Dim, Shape, TensorType } from '../../types.js'
import { ifGradient } from './if-gradient.js'
import { bindLoop, bindScan } from './bind.js'
import { loopGradient } from './loop-gradient.js'
import { bodyOf, isKnownAround } from './nested.js'
import { constant, maxOf, normalizeAxis, typeOf } from '../support/shapes.js'

/** A type with every dimension replaced that only holds inside of a nested graph. */
function outside(
  type: TensorType,
  ctx: InferContext,
  output: number,
  keep: (d: Dim, axis: number) => boolean,
): TensorType {
  return {
    dtype: type.dtype,
    shape: type.shape?.map((d, axis) => (keep(d, axis) ? d : ctx.unknownDim(output, axis))),
  }
}

/** An output has the dimensions that both branches agree on. */
function inferIf(node: Node, ctx: InferContext): Inferred[] {
  const [taken, other] = ['then_branch', 'else_branch'].map((name) => bodyOf(node, name))
  return node.outputs.map((_, i) => {
    const [a, b] = [typeOf(taken?.outputs[i]), typeOf(other?.outputs[i])]
    if (!a.shape || a.shape.length !== b.shape?.length) return { type: { dtype: a.dtype } }
    return { type: outside(a, ctx, i, (d, axis) => d.equals(b.shape![axis]!)) }
  })
}

/** Carried values keep the dimensions that the body returns as they came; scanned ones are stacked along a new axis. */
function inferLoop(node: Node, ctx: InferContext): Inferred[] {
  const graph = bodyOf(node, 'body')
  const carried = node.inputs.length - 2
  const length = loopLength(node)
  return node.outputs.map((_, i) => {
    const type = typeOf(graph?.outputs[i + 1])
    const initial = i < carried ? typeOf(node.inputs[i + 2]).shape : undefined
    if (i >= carried) return { type: stacked(type, graph, ctx, i, length ?? ctx.unknownDim(i, 0), 0) }
    const isKept = (d: Dim, axis: number) => d.constant !== undefined || d.equals(initial?.[axis] ?? -1)
    return { type: outside(type, ctx, i, isKept) }
  })
}

/** The number of iterations of a `Loop` whose condition always holds, where it follows from dimensions. */
function loopLength(node: Node): Dim | undefined {
  const [limit, condition] = node.inputs
  const body = bodyOf(node)
  const next = body?.outputs[0]
  const holds = (v: Value | undefined) => v !== undefined && constant(v) === 1
  if (!limit?.known || (condition && !holds(condition))) return undefined
  return holds(next) || next === body?.inputs[1] ? maxOf(limit.known[0]!, Expr.zero) : undefined
}

/** The type of a body's result with an axis of `length` inserted. */
function stacked(
  type: TensorType,
  body: Graph | undefined,
  ctx: InferContext,
  output: number,
  length: Dim,
  axis: number,
): TensorType {
  const place = (at: number) => (at < axis ? at : at + 1)
  const dims = type.shape?.map((d, at) =>
    body && isKnownAround(d, body, ctx.model) ? d : ctx.unknownDim(output, place(at)),
  )
  return { dtype: type.dtype, shape: dims?.toSpliced(axis, 0, length) }
}

function inferScan(node: Node, ctx: InferContext): Inferred[] {
  const graph = bodyOf(node, 'body')
  const states = node.inputs.length - node.int('num_scan_inputs', 0)
  const length = scanLength(node, states)
  return node.outputs.map((_, i) => {
    if (i < states) return { type: typeOf(node.inputs[i]) }
    const type = typeOf(graph?.outputs[i])
    if (!type.shape) return { type }
    const axis = normalizeAxis(node, node.ints('scan_output_axes')?.[i - states] ?? 0, type.shape.length + 1)
    return { type: stacked(type, graph, ctx, i, length ?? ctx.unknownDim(i, axis), axis) }
  })
}

/** The length of the scanned axis of the first scanned input. */
function scanLength(node: Node, states: number): Dim | undefined {
  const shape: Shape | undefined = typeOf(node.inputs[states]).shape
  return shape?.[normalizeAxis(node, node.ints('scan_input_axes')?.[0] ?? 0, shape.length)]
}

/** Definitions of control flow. */
export const control = {
  If: { infer: inferIf, grad: ifGradient },
  Loop: { infer: inferLoop, bind: bindLoop, grad: loopGradient },
  Scan: { infer: inferScan, bind: bindScan, grad: loopGradient },
} satisfies Record<string, OpDef>
