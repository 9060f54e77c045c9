/** GELU's gradient as one operator, exact and by tanh. */
import { Builder } from '../../src/builder.js'
import type { Node, Value } from '../../src/ir.js'
import type { OpDef } from '../../src/op.js'
import { DOMAIN } from '../../src/ops/dropbp.js'
import { exactGradient, gelu, tanhGradient } from '../../src/ops/gelu.js'
import { sameAsInput } from '../../src/ops/support/broadcast.js'
import { zip } from '../../src/ops/support/nd.js'
import { areAlike, f32, type KernelFolder, type KernelFunction } from '../kernel.js'
import { geluSlope, geluTanhSlope } from './reference.js'

const GELU_GRAD = `${DOMAIN}::GeluGrad`

function isTanh(node: Node): boolean {
  return node.string('approximate', 'none') === 'tanh'
}

/** dx = dy·gelu′(x). Inputs: x, dy. */
const geluGrad: OpDef = {
  infer: sameAsInput,
  grad: 'none',
  evaluate: (node, [x, dy]) => [
    zip([x!, dy!], (a, d) => d * (isTanh(node) ? geluTanhSlope(a) : geluSlope(a))),
  ],
  lower: (node, b) => [(isTanh(node) ? tanhGradient : exactGradient)(b, node.input(0), node.input(1))],
}

/** The definition of an operator that is gelu(x), with the gradient as one node. */
function withGrad(plain: OpDef, approximate: (node: Node) => string): OpDef {
  return {
    ...plain,
    grad: (node, { b, dy }) => [() => emitGrad(b, node.input(0), dy(), approximate(node))],
  }
}

function emitGrad(b: Builder, x: Value, dy: Value, approximate: string): Value {
  return b.emit('GeluGrad', [x, dy], { approximate }, { domain: DOMAIN, name: 'gelu_grad' })
}

function functionOf(name: string, approximate: string): KernelFunction {
  return {
    name,
    op: GELU_GRAD,
    sample: { inputs: [f32('n'), f32('n')], attributes: { approximate } },
    outputs: 1,
    accepts: (node) => node.string('approximate', 'none') === approximate && areAlike(...node.inputs),
  }
}

export const geluKernels: KernelFolder = {
  operators: { [GELU_GRAD]: geluGrad },
  overrides: {
    Gelu: withGrad(gelu.Gelu, (node) => node.string('approximate', 'none')),
    'com.microsoft::Gelu': withGrad(gelu['com.microsoft::Gelu'], () => 'none'),
  },
  functions: [functionOf('GeluGrad_f32_v1', 'none'), functionOf('GeluTanhGrad_f32_v1', 'tanh')],
}
