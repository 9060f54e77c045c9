/** The gradient of softmax over the last axis as one operator. */
import type { OpDef } from '../../src/op.js'
import { DOMAIN } from '../../src/ops/dropbp.js'
import { softmax, withoutNaN } from '../../src/ops/softmax.js'
import { sameAsInput } from '../../src/ops/support/broadcast.js'
import { nd } from '../../src/ops/support/nd.js'
import { areAlike, f32, isF32, type KernelFolder } from '../kernel.js'

const SOFTMAX_GRAD = `${DOMAIN}::SoftmaxGrad`
const plain = softmax.Softmax

/** dx = y·(dy − Σ y·dy) over the last axis. Inputs: y, dy. */
const softmaxGrad: OpDef = {
  infer: sameAsInput,
  grad: 'none',
  evaluate: (_node, [y, dy]) => {
    const columns = y!.shape.at(-1)!
    const dx = new Float64Array(y!.data.length)
    for (let at = 0; at < dx.length; at += columns) {
      const p = y!.data.subarray(at, at + columns)
      const d = dy!.data.subarray(at, at + columns)
      const along = p.reduce((a, v, i) => a + v * d[i]!, 0)
      p.forEach((v, i) => (dx[at + i] = v * (d[i]! - along)))
    }
    return [nd(y!.dtype, y!.shape, dx)]
  },
  lower: (node, b) => {
    const product = b.mul(node.input(0), node.input(1))
    return [
      b.sub(product, b.mul(node.input(0), b.emit('ReduceSum', [product, b.ints([-1])], { keepdims: 1 }))),
    ]
  },
}

export const softmaxKernels: KernelFolder = {
  operators: { [SOFTMAX_GRAD]: softmaxGrad },
  overrides: {
    Softmax: {
      ...plain,
      grad: (node, g) => {
        const y = node.output()
        const axis = node.int('axis', -1)
        const isLast = axis === -1 || axis === (y.type?.shape?.length ?? 0) - 1
        if (!isF32(y) || !isLast || !isF32(withoutNaN(y))) return plain.grad(node, g)
        return [
          () =>
            g.b.emit('SoftmaxGrad', [withoutNaN(y), g.dy()], {}, { domain: DOMAIN, name: 'softmax_grad' }),
        ]
      },
    },
  },
  functions: [
    {
      name: 'SoftmaxGrad_f32_v1',
      op: SOFTMAX_GRAD,
      sample: { inputs: [f32('r', 'c'), f32('r', 'c')] },
      outputs: 1,
      accepts: (node) => areAlike(...node.inputs),
    },
  ],
}
