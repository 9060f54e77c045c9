/** The gradient of layer normalisation over the last axis as one operator on rows. */
import { Expr } from '../../src/expr.js'
import type { Node } from '../../src/ir.js'
import type { GradContext, GradRule, OpDef } from '../../src/op.js'
import { DOMAIN } from '../../src/ops/dropbp.js'
import { centredGradient, layerNormalization } from '../../src/ops/layer-normalization.js'
import { lazy } from '../../src/ops/support/emit.js'
import { f32, isF32, type KernelFolder } from '../kernel.js'
import { asRows, columnSums, isLength } from '../rows.js'
import { normalizationGrad } from './reference.js'

const LAYER_NORMALIZATION_GRAD = `${DOMAIN}::LayerNormalizationGrad`
const plain = layerNormalization.LayerNormalization

/**
 * With x̂ = (x − mean)·inv, g = dy·scale: dx = inv·(g − mean(g) − x̂·mean(g·x̂)), dscale = Σ dy·x̂, dbias = Σ dy over rows.
 * Inputs: x [rows, columns], scale [columns], dy, mean [rows, 1], inv [rows, 1]. Outputs: dx, dscale, dbias.
 */
const layerNormalizationGrad: OpDef = {
  infer: (node) => [0, 1, 1].map((i) => ({ type: node.input(i).type! })),
  grad: 'none',
  evaluate: (_node, [x, scale, dy, mean, inv]) =>
    normalizationGrad(x!, scale!, dy!, mean!.data, inv!.data, true),
  lower: (node, b) => {
    const [x, scale, dy, mean, inv] = [0, 1, 2, 3, 4].map((i) => node.input(i)) as [
      never,
      never,
      never,
      never,
      never,
    ]
    const normalized = b.mul(b.sub(x, mean), inv)
    return [
      centredGradient(b, b.mul(dy, scale), normalized, inv, [1]),
      columnSums(b, b.mul(dy, normalized)),
      columnSums(b, dy),
    ]
  },
}

/** Whether the normalisation is of the last axis, in float32, with a scale and a bias an element, whose statistics nobody reads. */
function fits(node: Node, g: GradContext): boolean {
  const [x, scale, bias] = [node.input(0), node.input(1), node.inputs[2]]
  const shape = x.type?.shape
  const axis = node.int('axis', -1)
  const perColumn = (v: typeof x): boolean => isF32(v, 1) && isLength(v.type!.shape, 0, shape!.at(-1))
  return (
    isF32(x) &&
    shape!.length >= 2 &&
    (axis === -1 || axis === shape!.length - 1) &&
    node.int('stash_type', 1) === 1 &&
    perColumn(scale) &&
    (!bias || perColumn(bias)) &&
    ![1, 2].some((i) => node.outputs[i] && g.has(i))
  )
}

const grad: GradRule = (node, g) => {
  if (!fits(node, g)) return plain.grad(node, g)
  const { b, dy } = g
  const [x, scale] = [node.input(0), node.input(1)]
  const shape = x.type!.shape!
  const statistic = (i: number) =>
    asRows(b, g.saved(i, { dtype: 'float32', shape: shape.with(-1, Expr.one) }))
  const outputs = lazy(() =>
    b.emitAll(
      'LayerNormalizationGrad',
      [asRows(b, x), scale, asRows(b, dy()), statistic(1), statistic(2)],
      {},
      { domain: DOMAIN, name: 'layer_normalization_grad', outputs: 3 },
    ),
  )
  return [() => b.reshape(outputs()[0]!, shape), () => outputs()[1]!, () => outputs()[2]!]
}

export const layerNormalizationKernels: KernelFolder = {
  operators: { [LAYER_NORMALIZATION_GRAD]: layerNormalizationGrad },
  overrides: { LayerNormalization: { ...plain, grad } },
  functions: [
    {
      name: 'LayerNormalizationGrad_f32_v1',
      op: LAYER_NORMALIZATION_GRAD,
      sample: { inputs: [f32('r', 'c'), f32('c'), f32('r', 'c'), f32('r', 1), f32('r', 1)] },
      outputs: 3,
      accepts: () => true,
    },
  ],
}
