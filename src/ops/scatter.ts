/** Writing by index: ScatterElements (and the deprecated Scatter), ScatterND, TensorScatter. */
import type { Builder } from '../builder.js'
import { Expr } from '../expr.js'
import type { Node, Value } from '../ir.js'
import type { GradContext, GradRule, NdArray, OpDef, Thunk } from '../op.js'
import { isFloat } from '../types.js'
import { forEachIndex, offsetOf } from './support/build.js'
import { compare, where } from './support/emit.js'
import { stridesOf } from './support/nd.js'
import { moveKnown, normalizeAxis, shapeOf, typeOf } from './support/shapes.js'

/** How the two scatter operators write and read back at the node's indices. */
interface Access {
  /** `data` with `updates` written at the indices. */
  scatter(b: Builder, data: Value, updates: Value, reduction?: string): Value
  /** `data` at the indices. */
  gather(b: Builder, data: Value): Value
}

function elementAccess(node: Node): Access {
  const axis = node.int('axis', 0)
  return {
    scatter: (b, data, updates, reduction) =>
      b.emit('ScatterElements', [data, node.input(1), updates], { axis, reduction }),
    gather: (b, data) => b.emit('GatherElements', [data, node.input(1)], { axis }),
  }
}

function pointAccess(node: Node): Access {
  return {
    scatter: (b, data, updates, reduction) =>
      b.emit('ScatterND', [data, node.input(1), updates], { reduction }),
    gather: (b, data) => b.emit('GatherND', [data, node.input(1)]),
  }
}

/** What the gradients of a scatter are made of. */
interface Parts extends Access {
  readonly node: Node
  readonly g: GradContext
  readonly data: Value
  readonly updates: Value
}

type Rule = (p: Parts) => { data: Thunk; updates: Thunk }

/** y = data, updates in their places: ddata = dy with zeros there, dupdates = dy there. */
const replaced: Rule = ({ g: { b, dy }, updates, scatter, gather }) => ({
  data: () => scatter(b, dy(), b.full(updates.type!, 0)),
  updates: () => gather(b, dy()),
})

/** y = data + Σ updates: ddata = dy, dupdates = dy there. */
const added: Rule = ({ g: { b, dy }, gather }) => ({ data: () => dy(), updates: () => gather(b, dy()) })

/**
 * y = data · Π updates: each operand gets dy times the product of the others. Zeros are left out of the products and
 * counted, so that nothing is divided by zero.
 */
const multiplied: Rule = ({ g: { b, dy }, data, updates, scatter, gather }) => {
  const one = (x: Value) => b.full(x.type!, 1)
  const isZero = (x: Value) => compare(b, 'Equal', x, 0)
  const zeros = () => scatter(b, b.full(data.type!, 0), b.cast(isZero(updates), updates.type!.dtype), 'add')
  const others = () => scatter(b, data, where(b, isZero(updates), one(updates), updates), 'mul')
  return {
    data: () => b.mul(dy(), scatter(b, one(data), updates, 'mul')),
    updates: () => {
      const product = gather(b, b.mul(dy(), others()))
      const count = gather(b, zeros())
      const alone = where(b, compare(b, 'Equal', count, 1), product)
      const none = where(b, isZero(count), b.div(product, where(b, isZero(updates), one(updates), updates)))
      return where(b, isZero(updates), alone, none)
    },
  }
}

/** y = max or min: dy goes to the operands that reach it, in equal parts. */
const extreme: Rule = ({ node, g: { b, dy }, data, updates, scatter, gather }) => {
  const y = node.output(0)
  const dtype = data.type!.dtype
  const dataWins = () => b.cast(compare(b, 'Equal', data, y), dtype)
  const updateWins = () => b.cast(compare(b, 'Equal', updates, gather(b, y)), dtype)
  const share = () => b.div(dy(), scatter(b, dataWins(), updateWins(), 'add'))
  return {
    data: () => where(b, compare(b, 'Equal', data, y), share()),
    updates: () => where(b, compare(b, 'Equal', updates, gather(b, y)), gather(b, share())),
  }
}

const RULES: Record<string, Rule> = {
  none: replaced,
  add: added,
  mul: multiplied,
  max: extreme,
  min: extreme,
}

function scatterGrad(access: (node: Node) => Access): GradRule {
  return (node, g) => {
    const parts = { node, g, data: node.input(0), updates: node.input(2), ...access(node) }
    const { data, updates } = RULES[node.string('reduction', 'none')]!(parts)
    return [data, null, updates]
  }
}

const REDUCE: Record<string, (old: number, update: number) => number> = {
  none: (_old, update) => update,
  add: (old, update) => old + update,
  mul: (old, update) => old * update,
  max: Math.max,
  min: Math.min,
}

function evaluateElements(node: Node, [x, indices, updates]: readonly (NdArray | undefined)[]): NdArray[] {
  const axis = normalizeAxis(node, node.int('axis', 0), x!.shape.length)
  const reduce = REDUCE[node.string('reduction', 'none')]!
  const strides = stridesOf(x!.shape)
  const data = x!.data.slice()
  forEachIndex(indices!.shape, (index, flat) => {
    const i = indices!.data[flat]!
    const at = offsetOf(index.with(axis, i < 0 ? i + x!.shape[axis]! : i), strides)
    data[at] = reduce(data[at]!, updates!.data[flat]!)
  })
  return [{ ...x!, data }]
}

function evaluatePoints(node: Node, [x, indices, updates]: readonly (NdArray | undefined)[]): NdArray[] {
  const reduce = REDUCE[node.string('reduction', 'none')]!
  const strides = stridesOf(x!.shape)
  const width = indices!.shape.at(-1)!
  const size = x!.shape.slice(width).reduce((n, d) => n * d, 1)
  const points = indices!.shape.slice(0, -1).reduce((n, d) => n * d, 1)
  const data = x!.data.slice()
  for (let p = 0; p < points; p++) {
    const index = [...indices!.data.subarray(p * width, (p + 1) * width)].map((i, k) =>
      i < 0 ? i + x!.shape[k]! : i,
    )
    const at = index.reduce((sum, i, k) => sum + i * strides[k]!, 0)
    for (let i = 0; i < size; i++) data[at + i] = reduce(data[at + i]!, updates!.data[p * size + i]!)
  }
  return [{ ...x!, data }]
}

/** A scatter's type is that of its data; without a reduction it only moves elements. */
function inferScatter(evaluate: NonNullable<OpDef['evaluate']>): OpDef['infer'] {
  return (node) => {
    const type = typeOf(node.inputs[0])
    const moves = !isFloat(type.dtype) && node.string('reduction', 'none') === 'none'
    return [{ type, known: moves ? moveKnown(node, evaluate, [0, 2]) : undefined }]
  }
}

const scatterElements: OpDef = {
  infer: inferScatter(evaluateElements),
  grad: scatterGrad(elementAccess),
  evaluate: evaluateElements,
}

/** Positions that TensorScatter writes along its axis, for every element of the update. */
function cachePositions(node: Node, b: Builder): Value {
  const [cache, update] = [shapeOf(node, node.input(0)), shapeOf(node, node.input(1))]
  const axis = normalizeAxis(node, node.int('axis', -2), cache.length)
  const along = (d: Expr, at: number) => cache.map((_, i) => (i === at ? d : Expr.one))
  const end = b.emit('Squeeze', [b.dim(update[axis]!)])
  const steps = b.reshape(
    b.emit('Range', [b.scalar('int64', 0), end, b.scalar('int64', 1)]),
    along(update[axis]!, axis),
  )
  const starts = node.inputs[2]
  const positions = starts ? b.add(b.reshape(b.cast(starts, 'int64'), along(update[0]!, 0)), steps) : steps
  const circular = node.string('mode', 'linear') === 'circular'
  return b.emit('Expand', [
    circular ? b.emit('Mod', [positions, b.dim(cache[axis]!)]) : positions,
    b.shape(update),
  ])
}

/** Definitions of the scattering operators. */
export const scatter = {
  ScatterElements: scatterElements,
  Scatter: scatterElements,
  ScatterND: {
    infer: inferScatter(evaluatePoints),
    grad: scatterGrad(pointAccess),
    evaluate: evaluatePoints,
  },
  TensorScatter: {
    infer: (node) => [{ type: typeOf(node.inputs[0]) }],
    grad: 'none',
    lower: (node, b) => {
      const axis = normalizeAxis(node, node.int('axis', -2), shapeOf(node, node.input(0)).length)
      return [b.emit('ScatterElements', [node.input(0), cachePositions(node, b), node.input(1)], { axis })]
    },
  },
} satisfies Record<string, OpDef>
