/**
 * Attention and its gradient in operators of stock ONNX Runtime.
 *
 * Causal attention runs in blocks of queries, each against the keys up to its own end: half of the products, and of the
 * passes over the scores, are left out. Heads that share a group of keys are rows of one product, so that the sum over the
 * group is part of it.
 */
import type { Builder } from '../../builder.js'
import { Expr } from '../../expr.js'
import type { Node, Value } from '../../ir.js'
import type { Dim, Shape } from '../../types.js'
import { oneMinus } from '../support/emit.js'
import { product } from '../support/product.js'
import { shapeOf } from '../support/shapes.js'

/** y. */
export function lowerAttention(node: Node, b: Builder): Value[] {
  const emitter = new Emitter(node, b)
  const rows = emitter
    .blocks()
    .map((block) => emitter.unfold(b.matmul(block.probabilities(), block.v), block.rows))
  return [emitter.withBlindRows(emitter.concatRows(rows))]
}

/** Gradients of q, k, v and mask, as far as they are read. */
export function lowerAttentionGrad(node: Node, b: Builder): (Value | null)[] {
  const isRead = (i: number): boolean => (node.outputs[i]?.uses.size ?? 0) > 0
  const emitter = new Emitter(node, b, isRead(3))
  const [y, given] = [node.input(5), node.input(6)]
  const { scale } = emitter
  const dy = emitter.visible ? b.mul(given, emitter.visible) : given
  const rowTerm = b.sum(b.mul(dy, y), [emitter.rank - 1], true)
  const parts = emitter.blocks().map((block) => {
    const p = block.probabilities()
    const dyBlock = emitter.fold(block.cutRows(dy))
    const dp = product(b, dyBlock, block.v, { transB: true })
    const ds = b.mul(p, b.sub(dp, emitter.fold(block.cutRows(rowTerm))))
    return {
      block,
      ds,
      dq: isRead(0) ? emitter.unfold(product(b, ds, block.k, { alpha: scale }), block.rows) : null,
      dk: isRead(1) ? product(b, ds, block.q, { alpha: scale, transA: true }) : null,
      dv: isRead(2) ? product(b, p, dyBlock, { transA: true }) : null,
    }
  })
  const keys = parts.map(({ block }) => block.keys)
  return [
    isRead(0) ? emitter.concatRows(parts.map((x) => x.dq!)) : null,
    isRead(1)
      ? emitter.sumPrefixes(
          parts.map((x) => x.dk!),
          keys,
        )
      : null,
    isRead(2)
      ? emitter.withBlindValues(
          emitter.sumPrefixes(
            parts.map((x) => x.dv!),
            keys,
          ),
          given,
        )
      : null,
    isRead(3) ? emitter.unfold(parts[0]!.ds, emitter.s) : null,
  ]
}

/** Queries and the keys that they can see; q, k and v are folded, heads of a group together. */
interface Block {
  readonly rows: Dim
  readonly keys: Dim
  readonly q: Value
  readonly k: Value
  readonly v: Value
  /** Rows of this block of a tensor [..., s, n]. */
  cutRows(x: Value): Value
  probabilities(): Value
}

class Emitter {
  readonly rank: number
  readonly scale: number
  readonly visible: Value | null
  /** Number of queries. */
  readonly s: Dim
  private readonly q: Value
  private readonly k: Value
  private readonly v: Value
  private readonly mask: Value | null
  private readonly isUniform: boolean
  private readonly edges: Dim[]

  /**
   * @param whole compute all scores at once, because the gradient of the mask is wanted
   */
  constructor(
    node: Node,
    private readonly b: Builder,
    whole = false,
  ) {
    ;[this.q, this.k, this.v] = [node.input(0), node.input(1), node.input(2)]
    this.mask = node.inputs[3] ?? null
    this.visible = node.inputs[4] ?? null
    this.scale = node.float('scale', 1)
    this.isUniform = node.string('blind', 'zero') === 'uniform'
    const shape = shapeOf(node, this.q)
    this.rank = shape.length
    this.s = shape.at(-2)!
    const canSkip = !whole && node.int('causal', 0) === 1 && this.canCut()
    this.edges = canSkip ? blockEdges(this.s) : [Expr.zero, this.s]
  }

  blocks(): Block[] {
    return this.edges.slice(1).map((end, i) => this.block(this.edges[i]!, end))
  }

  /** [..., heads, n, m] → [..., groups, heads/groups·n, m]; one product then serves all heads of a group. */
  fold(x: Value): Value {
    const shape = x.type!.shape!
    const [heads, groups] = [shape.at(-3), this.groups()]
    if (!groups || !heads || heads.equals(groups)) return x
    const rows = heads.div(groups).mul(shape.at(-2)!)
    return this.b.reshape(x, [...shape.slice(0, -3), groups, rows, shape.at(-1)!])
  }

  /** The inverse of fold, for blocks of `rows` queries. */
  unfold(x: Value, rows: Dim): Value {
    const heads = this.q.type!.shape!.at(-3)
    const shape = x.type!.shape!
    if (this.rank < 4 || !heads || heads.equals(shape.at(-3)!)) return x
    return this.b.reshape(x, [...shape.slice(0, -3), heads, rows, shape.at(-1)!])
  }

  concatRows(parts: readonly Value[]): Value {
    return parts.length === 1
      ? parts[0]!
      : retyped(this.b.emit('Concat', parts, { axis: -2 }), parts[0]!, -2, this.s)
  }

  /** Sum of tensors over growing ranges of keys, the last over all. */
  sumPrefixes(parts: readonly Value[], lengths: readonly Dim[]): Value {
    return parts.reduce((sum, part, i) => {
      const missing = lengths[i]!.sub(lengths[i - 1]!)
      const pads = this.b.shape([Expr.zero, missing])
      const padded = this.b.emit('Pad', [sum, pads, null, this.b.ints([-2])])
      return this.b.add(part, retyped(padded, sum, -2, lengths[i]!))
    })
  }

  /** What blind rows are, put in their place. All scores at once give a uniform row on their own. */
  withBlindRows(y: Value): Value {
    const { b, visible } = this
    if (!visible || (this.isUniform && this.edges.length === 2)) return y
    const seen = b.mul(y, visible)
    return this.isUniform ? b.add(seen, b.mul(this.meanValue(), oneMinus(b, visible))) : seen
  }

  /** What blind rows contribute to the gradient of the values: each value was 1/t of them. */
  withBlindValues(dv: Value, dy: Value): Value {
    const { b, visible } = this
    if (!visible || !this.isUniform) return dv
    const blind = b.mul(dy, oneMinus(b, visible))
    const sum = b.sum(this.fold(blind), [this.rank - 2], true)
    return b.add(dv, b.div(sum, this.keyCount()))
  }

  private block(start: Dim, end: Dim): Block {
    const { b } = this
    const isWhole = this.edges.length === 2
    const keys = isWhole ? this.k.type!.shape!.at(-2)! : end
    const cutRows = (x: Value): Value => (isWhole ? x : slice(b, x, -2, start, end))
    const cutKeys = (x: Value, axis: number): Value => (isWhole ? x : slice(b, x, axis, Expr.zero, end))
    const rows = end.sub(start)
    const [q, k, v] = [this.fold(cutRows(this.q)), cutKeys(this.k, -2), cutKeys(this.v, -2)]
    const probabilities = (): Value => {
      const raw = this.unfold(product(b, q, k, { alpha: this.scale, transB: true }), rows)
      const mask = this.mask && cutLong(this.mask, -1, (m) => cutKeys(m, -1), cutLong(this.mask, -2, cutRows))
      const scores = mask ? b.add(raw, mask) : raw
      // Softmax is then computed in place.
      scores.described = true
      return this.fold(b.emit('Softmax', [scores], { axis: -1 }))
    }
    return { rows, keys, q, k, v, cutRows, probabilities }
  }

  /** Blocks need as many keys as queries, and a mask that is as long along each axis, or 1. */
  private canCut(): boolean {
    const fits = (d: Dim | undefined): boolean => !d || d.constant === 1 || d.equals(this.s)
    const mask = this.mask?.type?.shape
    return this.k.type!.shape!.at(-2)!.equals(this.s) && !!mask && fits(mask.at(-1)) && fits(mask.at(-2))
  }

  private groups(): Dim | undefined {
    return this.rank > 3 ? this.k.type!.shape!.at(-3) : undefined
  }

  /** Mean over all keys for every head: [..., heads, 1, dv]. */
  private meanValue(): Value {
    const { b } = this
    const mean = b.emit('ReduceMean', [this.v, b.ints([-2])], { keepdims: 1 })
    const shape = mean.type!.shape!
    const [heads, groups] = [this.q.type!.shape!.at(-3), this.groups()]
    if (!groups || !heads || heads.equals(groups)) return mean
    const repeated = [...shape.slice(0, -2), heads.div(groups), shape.at(-1)!]
    return this.unfold(b.emit('Expand', [mean, b.shape(repeated)]), Expr.one)
  }

  private keyCount(): Value {
    const t = this.k.type!.shape!.at(-2)!
    const dtype = this.q.type!.dtype
    if (t.constant !== undefined) return this.b.scalar(dtype, t.constant)
    return this.b.cast(this.b.reshape(this.b.dim(t), []), dtype)
  }
}

/** Queries of a block where their number is known only at run time: few enough for short sequences, worth it for long. */
const BLOCKS = 4
/** Queries of a block, and the most blocks, where the number of queries is static. */
const BLOCK_LENGTH = 128
const MOST_BLOCKS = 8

/** Where blocks of queries begin and end. */
function blockEdges(s: Dim): Dim[] {
  const n = s.constant
  const count = n === undefined ? BLOCKS : Math.min(MOST_BLOCKS, Math.max(1, Math.floor(n / BLOCK_LENGTH)))
  return Array.from({ length: count + 1 }, (_, i) => (i === count ? s : s.mul(i).div(count)))
}

function cutLong(mask: Value, axis: number, cut: (m: Value) => Value, cutAlready = mask): Value {
  const d = mask.type!.shape!.at(axis)
  return !d || d.constant === 1 ? cutAlready : cut(cutAlready)
}

function slice(b: Builder, x: Value, axis: number, start: Dim, end: Dim): Value {
  const cut = b.emit('Slice', [x, b.dim(start), b.dim(end), b.ints([axis])])
  return retyped(cut, x, axis, end.sub(start))
}

/** States a dimension that the type rule may not find: block edges lie in order between 0 and the number of queries. */
function retyped(value: Value, like: Value, axis: number, dim: Dim): Value {
  const shape: Shape = like.type!.shape!
  value.type = { dtype: like.type!.dtype, shape: shape.with(axis, dim) }
  return value
}
