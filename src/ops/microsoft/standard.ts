/** com.microsoft operators that ONNX has too, under other names or with other attributes. */
import type { Builder } from '../../builder.js'
import { Expr } from '../../expr.js'
import type { Node, Value } from '../../ir.js'
import { invalid, type Inferred, type OpDef } from '../../op.js'
import { convolution } from '../convolution.js'
import { gather } from '../gather.js'
import { gridSample } from '../grid-sample.js'
import { indices } from '../attention/scaled-dot-product.js'
import { pad } from '../pad.js'
import { constants, normalizeAxis, shapeOf, typeOf } from '../support/shapes.js'
import { shape } from '../shape.js'

const attributesOf = (node: Node) => Object.fromEntries(node.attributes)

/** Windows of a size along an axis, `step` apart: [..., d, ...] as [..., (d − size)/step + 1, ..., size]. */
function unfoldForm(node: Node, of: readonly Expr[]) {
  const axis = normalizeAxis(node, node.int('dim', -1), of.length)
  const [size, step] = [node.int('size', 1), node.int('step', 1)]
  return { axis, size, step, count: of[axis]!.sub(size).div(step).add(1) }
}

function inferUnfold(node: Node): Inferred[] {
  const { dtype, shape: of } = typeOf(node.inputs[0])
  if (!of) return [{ type: { dtype } }]
  const { axis, size, count } = unfoldForm(node, of)
  return [{ type: { dtype, shape: [...of.with(axis, count), Expr.of(size)] } }]
}

function unfold(node: Node, b: Builder): Value {
  const x = node.input(0)
  const rank = shapeOf(node, x).length
  const { axis, size, step, count } = unfoldForm(node, shapeOf(node, x))
  const starts = b.mul(indices(b, count, 0, 2), b.scalar('int64', step))
  const places = b.add(starts, b.constant('int64', [1, size], [...Array(size).keys()]))
  const windows = b.emit('Gather', [x, places], { axis })
  const rest = [...Array(rank + 1).keys()].filter((i) => i !== axis + 1)
  return b.transpose(windows, [...rest, axis + 1])
}

/** Its padding is an operand, which has to be known. */
function dynamicPads(node: Node) {
  const pads = constants(node.inputs[2])
  if (!pads) throw invalid(node, 'pads that are constant', 'pads that are computed')
  return { ...attributesOf(node), pads }
}

function inferTransposedConv(node: Node): Inferred[] {
  const pads = constants(node.inputs[2])
  const attributes = new Map(node.attributes)
  if (pads) attributes.set('pads', { type: 'ints', value: pads })
  return convolution.ConvTranspose.infer(likeNode(node, attributes))
}

/** The node as its rule is to see it: with other attributes. */
function likeNode(node: Node, attributes: Node['attributes']): Node {
  return Object.create(node, { attributes: { value: attributes } }) as Node
}

const MODES: Readonly<Record<string, string>> = { bilinear: 'linear', nearest: 'nearest', bicubic: 'cubic' }

/** Definitions of the operators that ONNX has too. */
export const microsoftStandard = {
  'com.microsoft::Range': {
    infer: (node, ctx) => shape.Range.infer(node, ctx),
    grad: 'none',
    lower: (node, b) => {
      const [start, limit, delta] = node.inputs.map((v) => v && b.reshape(v, []))
      return [b.emit('Range', [start!, limit!, delta ?? b.scalarLike(start!, 1)])]
    },
  },
  'com.microsoft::Pad': {
    infer: (node, ctx) => pad.Pad.infer(node, ctx),
    grad: 'none',
    lower: (node, b) => {
      const [x, pads, value] = node.inputs
      const rank = shapeOf(node, x!).length
      const fill = value ? b.reshape(value, []) : null
      return [b.emit('Pad', [x!, b.reshape(pads!, [Expr.of(2 * rank)]), fill], attributesOf(node))]
    },
  },
  'com.microsoft::GatherND': {
    infer: (node) => gather.GatherND.infer(node),
    grad: 'none',
    lower: (node, b) => [b.emit('GatherND', [node.input(0), b.cast(node.input(1), 'int64')])],
  },
  'com.microsoft::GridSample': {
    infer: (node) => gridSample.GridSample.infer(node),
    grad: 'none',
    lower: (node, b) => {
      const mode = MODES[node.string('mode', 'bilinear')] ?? node.string('mode', '')
      const sample = b.emit('GridSample', node.inputs, { ...attributesOf(node), mode })
      return gridSample.GridSample.lower(sample.producer!, b)
    },
  },
  /** Rows of a table; what PyTorch does not train of it (`padding_idx`) is trained. */
  'com.microsoft::TorchEmbedding': {
    infer: (node) => gather.Gather.infer(node),
    grad: 'none',
    lower: (node, b) => [b.emit('Gather', [node.input(0), node.input(1)], { axis: 0 })],
  },
  'com.microsoft::UnfoldTensor': { infer: inferUnfold, grad: 'none', lower: (node, b) => [unfold(node, b)] },
  /** Inputs: x, w, pads, bias (optional). */
  'com.microsoft::ConvTransposeWithDynamicPads': {
    infer: inferTransposedConv,
    grad: 'none',
    lower: (node, b) => [
      b.emit('ConvTranspose', [node.input(0), node.input(1), node.inputs[3] ?? null], dynamicPads(node)),
    ],
  },
} satisfies Record<string, OpDef>
