/** One step of an RNN, a GRU and an LSTM, as the ONNX standard writes them. */
import { Builder } from '../../builder.js'
import type { Node, Value } from '../../ir.js'
import type { Activation } from './activations.js'

/** What a step works with. */
export interface Step {
  /** Emits into the step's graph. */
  readonly b: Builder
  readonly node: Node
  readonly hidden: number
  /** Projected input with its biases, [batch, gates·hidden]. */
  readonly x: Value
  /** h, and the cell of an LSTM, [batch, hidden]. */
  readonly states: readonly Value[]
  /** Rᵀ, [hidden, gates·hidden]. */
  readonly recurrence: Value
  /** Biases of the recurrence, [gates·hidden], where they are not part of `x`. */
  readonly bias: Value | null
  /** Peepholes of the input, output and forget gates, [3·hidden]. */
  readonly peepholes: Value | null
  readonly activations: readonly Activation[]
}

/** A recurrent operator. */
export interface Cell {
  readonly gates: number
  readonly states: number
  /** Names of the default activations. */
  readonly activations: readonly string[]
  /** Whether the biases of the recurrence have to be added by the step. */
  readonly ownBias: (node: Node) => boolean
  /** The states after the step. */
  readonly step: (s: Step) => Value[]
}

/** H' = f(X·Wᵀ + H·Rᵀ + b) */
const rnn: Cell = {
  gates: 1,
  states: 1,
  activations: ['Tanh'],
  ownBias: () => false,
  step: (s) => [s.activations[0]!(s.b, clip(s, s.b.add(s.x, s.b.matmul(s.states[0]!, s.recurrence))))],
}

/**
 * z, r = f(X·Wᵀ + H·Rᵀ + b), h = g(Xₕ + (r ⊙ H)·Rₕᵀ), or g(Xₕ + r ⊙ (H·Rₕᵀ + bₕ)) with `linear_before_reset`,
 * H' = (1 − z) ⊙ h + z ⊙ H, as h − z ⊙ (h − H)
 */
const gru: Cell = {
  gates: 3,
  states: 1,
  activations: ['Sigmoid', 'Tanh'],
  ownBias: isLinearBeforeReset,
  step(s) {
    const { b, hidden } = s
    const [f, g] = s.activations
    const h = s.states[0]!
    const [xz, xr, xh] = parts(b, s.x, 3, hidden)
    const [rz, rr, rh] = parts(b, s.recurrence, 3, hidden)
    const [bz, br, bh] = s.bias ? parts(b, s.bias, 3, hidden) : []
    const through = (r: Value, bias: Value | undefined, from = h): Value => {
      const product = b.matmul(from, r)
      return bias ? b.add(product, bias) : product
    }
    const z = f!(b, clip(s, b.add(xz!, through(rz!, bz))))
    const r = f!(b, clip(s, b.add(xr!, through(rr!, br))))
    const reset = isLinearBeforeReset(s.node) ? b.mul(r, through(rh!, bh)) : through(rh!, bh, b.mul(r, h))
    const candidate = g!(b, clip(s, b.add(xh!, reset)))
    // Not a sum of two terms, which would look like a residual connection where h starts from a constant.
    return [b.sub(candidate, b.mul(z, b.sub(candidate, h)))]
  },
}

function isLinearBeforeReset(node: Node): boolean {
  return node.int('linear_before_reset', 0) !== 0
}

/**
 * i, f = f(X·Wᵀ + H·Rᵀ + p ⊙ C + b), c = g(…), C' = f ⊙ C + i ⊙ c, o = f(… + p ⊙ C'), H' = o ⊙ h(C'); gates in the
 * order i, o, f, c
 */
const lstm: Cell = {
  gates: 4,
  states: 2,
  activations: ['Sigmoid', 'Tanh', 'Tanh'],
  ownBias: () => false,
  step(s) {
    const { b, hidden } = s
    const [f, g, h] = s.activations
    const [before, cell] = s.states
    const gates = b.add(s.x, b.matmul(before!, s.recurrence))
    const [xi, xo, xf, xc] = parts(b, gates, 4, hidden)
    const [pi, po, pf] = s.peepholes ? parts(b, s.peepholes, 3, hidden) : []
    const peep = (x: Value, p: Value | undefined, c: Value): Value => (p ? b.add(x, b.mul(p, c)) : x)
    const input = f!(b, clip(s, peep(xi!, pi, cell!)))
    const forget =
      s.node.int('input_forget', 0) === 1
        ? b.sub(b.scalarLike(input, 1), input)
        : f!(b, clip(s, peep(xf!, pf, cell!)))
    const next = b.add(b.mul(forget, cell!), b.mul(input, g!(b, clip(s, xc!))))
    const output = f!(b, clip(s, peep(xo!, po, next)))
    return [b.mul(output, h!(b, next)), next]
  },
}

export const cells = { RNN: rnn, GRU: gru, LSTM: lstm }

/** A tensor cut into `count` parts of `size` along its last axis. */
function parts(b: Builder, x: Value, count: number, size: number): Value[] {
  const axis = x.type!.shape!.length - 1
  return b.emitAll('Split', [x, b.ints(Array<number>(count).fill(size))], { axis }, { outputs: count })
}

function clip({ b, node }: Step, x: Value): Value {
  const bound = node.float('clip', 0)
  return bound > 0 ? b.emit('Clip', [x, b.scalarLike(x, -bound), b.scalarLike(x, bound)]) : x
}
