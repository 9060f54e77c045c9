/** RMS normalisation over the last axis as one operator, for models of an opset that has none. */
import { float, type Builder } from '../builder.js'
import type { Value } from '../ir.js'
import type { OpDef } from '../op.js'
import { DOMAIN } from './dropbp.js'
import { layerNormalization } from './layer-normalization.js'

export const RMS_NORM = `${DOMAIN}::RMSNorm`

const { infer, grad, evaluate } = layerNormalization.RMSNormalization

/** Definition of the normalisation. */
export const rmsNorm = {
  /** y = x / √(mean(x²) + ε)·scale; everything but the emission is RMSNormalization's. */
  [RMS_NORM]: {
    infer,
    grad,
    evaluate,
    // The form that ONNX Runtime's optimizer recognises.
    lower: (node, b) => {
      const [x, scale] = [node.input(0), node.input(1)]
      const square = b.emit('Pow', [x, b.scalarLike(x, 2)])
      const mean = b.emit('ReduceMean', [square, b.ints([-1])], { keepdims: 1 })
      const deviation = b.emit('Sqrt', [b.add(mean, b.scalarLike(x, node.float('epsilon', 1e-5)))])
      return [b.mul(b.div(x, deviation), scale)]
    },
  },
} satisfies Record<string, OpDef>

/** Emits a normalisation of the last axis. */
export function emitRmsNorm(b: Builder, x: Value, scale: Value, epsilon: number): Value {
  return b.emit(
    'RMSNorm',
    [x, scale],
    { axis: -1, epsilon: float(epsilon) },
    { domain: DOMAIN, name: 'rms_norm' },
  )
}
