/** The gated activation, forward and gradient. */
import type { OpDef } from '../../src/op.js'
import { sigmoid } from '../../src/ops/activation.js'
import { DOMAIN } from '../../src/ops/dropbp.js'
import { lazy, oneMinus } from '../../src/ops/support/emit.js'
import { zip } from '../../src/ops/support/nd.js'
import { swiglu, SWIGLU } from '../../src/ops/swiglu.js'
import { areAlike, f32, type KernelFolder } from '../kernel.js'

const SWIGLU_GRAD = `${DOMAIN}::SwiGLUGrad`
const plain = swiglu[SWIGLU]

/** With s = σ(g), a = g·s: dg = dy·u·(s + a·(1 − s)), du = dy·a. Inputs: g, u, dy of one shape. Outputs: dg, du. */
const swigluGrad: OpDef = {
  infer: (node) => [{ type: node.input(0).type! }, { type: node.input(0).type! }],
  grad: 'none',
  evaluate: (_node, [g, u, dy]) => [
    zip([g!, u!, dy!], (x, up, d) => d! * up * (sigmoid(x) + x * sigmoid(x) * sigmoid(-x))),
    zip([g!, dy!], (x, d) => d * x * sigmoid(x)),
  ],
  lower: (node, b) => {
    const [g, u, dy] = [node.input(0), node.input(1), node.input(2)]
    const s = b.emit('Sigmoid', [g])
    const a = b.mul(g, s)
    return [b.mul(b.mul(dy, u), b.add(s, b.mul(a, oneMinus(b, s)))), b.mul(dy, a)]
  },
}

const gated: OpDef = {
  ...plain,
  grad: (node, g) => {
    if (!areAlike(node.input(0), node.input(1))) return plain.grad(node, g)
    const { b, dy } = g
    const outputs = lazy(() =>
      b.emitAll(
        'SwiGLUGrad',
        [node.input(0), node.input(1), dy()],
        {},
        { domain: DOMAIN, name: 'swiglu_grad', outputs: 2 },
      ),
    )
    return [() => outputs()[0]!, () => outputs()[1]!]
  },
}

/** Element-wise, so of any rank. */
const vector = f32('n')

export const swigluKernels: KernelFolder = {
  operators: { [SWIGLU_GRAD]: swigluGrad },
  overrides: { [SWIGLU]: gated },
  functions: [
    {
      name: 'SwiGLU_f32_v1',
      op: SWIGLU,
      sample: { inputs: [vector, vector] },
      outputs: 1,
      accepts: (node) => areAlike(...node.inputs),
    },
    {
      name: 'SwiGLUGrad_f32_v1',
      op: SWIGLU_GRAD,
      sample: { inputs: [vector, vector, vector] },
      outputs: 2,
      accepts: (node) => areAlike(...node.inputs),
    },
  ],
}
