/** Random draws. Their results are not differentiable, and have no reference value. */
import { dtypeOf } from '../builder.js'
import { Expr } from '../expr.js'
import type { Node } from '../ir.js'
import type { OpDef } from '../op.js'
import type { DType, Shape } from '../types.js'
import { typeOf } from './support/shapes.js'

function dtypeAttribute(node: Node, fallback: DType): DType {
  const dtype = node.attributes.get('dtype')
  return dtype?.type === 'int' ? dtypeOf(dtype.value) : fallback
}

function draw(type: (node: Node) => { fallback: DType; shape: Shape | undefined }): OpDef {
  return {
    infer: (node) => {
      const { fallback, shape } = type(node)
      return [{ type: { dtype: dtypeAttribute(node, fallback), shape } }]
    },
    grad: 'none',
  }
}

const ofShape = draw((node) => ({ fallback: 'float32', shape: node.ints('shape')?.map(Expr.of) }))

const like = draw((node) => {
  const { dtype, shape } = typeOf(node.inputs[0])
  return { fallback: dtype, shape }
})

/** Definitions of the random operators. */
export const random = {
  RandomNormal: ofShape,
  RandomUniform: ofShape,
  RandomNormalLike: like,
  RandomUniformLike: like,
  Bernoulli: like,
  Multinomial: draw((node) => {
    const batch = typeOf(node.inputs[0]).shape?.[0]
    return { fallback: 'int32', shape: batch && [batch, Expr.of(node.int('sample_size', 1))] }
  }),
} satisfies Record<string, OpDef>
