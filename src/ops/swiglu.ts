/** The gated activation of Llama-like models as one operator. */
import type { NdArray, OpDef } from '../op.js'
import { sigmoid } from './activation.js'
import { broadcasting } from './support/broadcast.js'
import { DOMAIN } from './dropbp.js'
import { lazy, oneMinus } from './support/emit.js'
import { zip } from './support/nd.js'

export const SWIGLU = `${DOMAIN}::SwiGLU`

/** Definition of the gated activation. */
export const swiglu = {
  /**
   * y = silu(g)·u, silu(g) = g·σ(g). Inputs: g, u. Keeps g and u only: with s = σ(g) and a = g·s computed again,
   * dg = dy·u·(s + a·(1 − s)), du = dy·a
   */
  [SWIGLU]: {
    infer: broadcasting(),
    grad: (node, { b, dy }) => {
      const [g, u] = [node.input(0), node.input(1)]
      const s = lazy(() => b.emit('Sigmoid', [g]))
      const a = lazy(() => b.mul(g, s()))
      return [() => b.mul(b.mul(dy(), u), b.add(s(), b.mul(a(), oneMinus(b, s())))), () => b.mul(dy(), a())]
    },
    evaluate: (_node, [g, u]: readonly (NdArray | undefined)[]) => [
      zip([g!, u!], (x, y) => x * sigmoid(x) * y),
    ],
    lower: (node, b) => {
      const [g, u] = [node.input(0), node.input(1)]
      return [b.mul(b.mul(g, b.emit('Sigmoid', [g])), u)]
    },
  },
} satisfies Record<string, OpDef>
