/** The gradient of RMS normalisation over the last axis as one operator on rows. */
import { float } from '../../src/builder.js'
import type { Node } from '../../src/ir.js'
import type { GradRule, OpDef } from '../../src/op.js'
import { DOMAIN } from '../../src/ops/dropbp.js'
import { inverseRms, layerNormalization, mean } from '../../src/ops/layer-normalization.js'
import { rmsNorm, RMS_NORM } from '../../src/ops/rms-norm.js'
import { lazy } from '../../src/ops/support/emit.js'
import { f32, isF32, type KernelFolder } from '../kernel.js'
import { normalizationGrad } from '../layer-normalization/reference.js'
import { asRows, columnSums, isLength } from '../rows.js'

const RMS_NORMALIZATION_GRAD = `${DOMAIN}::RMSNormalizationGrad`
const plain = layerNormalization.RMSNormalization

/**
 * With inv = 1/√(mean(x²) + ε), x̂ = x·inv, g = dy·scale: dx = inv·(g − x̂·mean(g·x̂)), dscale = Σ dy·x̂ over rows.
 * Inputs: x [rows, columns], scale [columns], dy. Outputs: dx, dscale. Attribute: epsilon.
 */
const rmsNormalizationGrad: OpDef = {
  infer: (node) => [0, 1].map((i) => ({ type: node.input(i).type! })),
  grad: 'none',
  evaluate: (node, [x, scale, dy]) => {
    const [rows, columns] = x!.shape as [number, number]
    const inv = new Float64Array(rows).map((_, r) => {
      const row = x!.data.subarray(r * columns, (r + 1) * columns)
      return 1 / Math.sqrt(row.reduce((a, v) => a + v * v, 0) / columns + node.float('epsilon', 1e-5))
    })
    return normalizationGrad(x!, scale!, dy!, new Float64Array(rows), inv, false).slice(0, 2)
  },
  lower: (node, b) => {
    const [x, scale, dy] = [node.input(0), node.input(1), node.input(2)]
    const inv = inverseRms(b, x, [1], node.float('epsilon', 1e-5))
    const normalized = b.mul(x, inv)
    const g = b.mul(dy, scale)
    const along = b.mul(normalized, mean(b, b.mul(g, normalized), [1]))
    return [b.mul(inv, b.sub(g, along)), columnSums(b, b.mul(dy, normalized))]
  },
}

/** Whether the normalisation is of the last axis, in float32, with a scale an element. */
function fits(node: Node): boolean {
  const [x, scale] = [node.input(0), node.input(1)]
  const shape = x.type?.shape
  const axis = node.int('axis', -1)
  return (
    isF32(x) &&
    shape!.length >= 2 &&
    (axis === -1 || axis === shape!.length - 1) &&
    node.int('stash_type', 1) === 1 &&
    isF32(scale, 1) &&
    isLength(scale.type!.shape, 0, shape!.at(-1))
  )
}

const grad: GradRule = (node, g) => {
  if (!fits(node)) return plain.grad(node, g)
  const { b, dy } = g
  const [x, scale] = [node.input(0), node.input(1)]
  const outputs = lazy(() =>
    b.emitAll(
      'RMSNormalizationGrad',
      [asRows(b, x), scale, asRows(b, dy())],
      { epsilon: float(node.float('epsilon', 1e-5)) },
      { domain: DOMAIN, name: 'rms_normalization_grad', outputs: 2 },
    ),
  )
  return [() => b.reshape(outputs()[0]!, x.type!.shape!), () => outputs()[1]!]
}

export const rmsNormalizationKernels: KernelFolder = {
  operators: { [RMS_NORMALIZATION_GRAD]: rmsNormalizationGrad },
  overrides: { RMSNormalization: { ...plain, grad }, [RMS_NORM]: { ...rmsNorm[RMS_NORM], grad } },
  functions: [
    {
      name: 'RMSNormalizationGrad_f32_v1',
      op: RMS_NORMALIZATION_GRAD,
      sample: { inputs: [f32('r', 'c'), f32('c'), f32('r', 'c')] },
      outputs: 2,
      attributes: { epsilon: 'float' },
      accepts: () => true,
    },
  ],
}
