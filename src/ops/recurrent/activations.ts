/** The activation functions that LSTM, GRU and RNN name in an attribute. */
import { float, type Builder } from '../../builder.js'
import type { Node, Value } from '../../ir.js'
import { invalid } from '../../op.js'

/** Emits an activation. */
export type Activation = (b: Builder, x: Value) => Value

/** What an activation is made from: its parameters, those of the attributes or the defaults. */
interface Kind {
  readonly alpha?: number
  readonly beta?: number
  readonly emit: (b: Builder, x: Value, alpha: number, beta: number) => Value
}

const plain = (op: string): Kind => ({ emit: (b, x) => b.emit(op, [x]) })
const withAlpha = (op: string, alpha: number): Kind => ({
  alpha,
  emit: (b, x, a) => b.emit(op, [x], { alpha: float(a) }),
})

/** Defaults are those of the operators of the same names. */
const KINDS: Readonly<Record<string, Kind>> = {
  affine: {
    alpha: 1,
    beta: 0,
    emit: (b, x, alpha, beta) => b.add(b.scale(x, alpha), b.scalarLike(x, beta)),
  },
  elu: withAlpha('Elu', 1),
  hardsigmoid: {
    alpha: 0.2,
    beta: 0.5,
    emit: (b, x, alpha, beta) => b.emit('HardSigmoid', [x], { alpha: float(alpha), beta: float(beta) }),
  },
  leakyrelu: withAlpha('LeakyRelu', 0.01),
  relu: plain('Relu'),
  scaledtanh: {
    alpha: 1,
    beta: 1,
    emit: (b, x, alpha, beta) => b.scale(b.emit('Tanh', [b.scale(x, beta)]), alpha),
  },
  sigmoid: plain('Sigmoid'),
  softplus: plain('Softplus'),
  softsign: plain('Softsign'),
  tanh: plain('Tanh'),
  thresholdedrelu: withAlpha('ThresholdedRelu', 1),
}

/**
 * The activations of each direction. Parameters in the attributes are those of the activations that have any, in order.
 * @param defaults names of one direction's activations
 */
export function activationsOf(node: Node, defaults: readonly string[], directions: number): Activation[][] {
  const given = node.attributes.get('activations')
  const names =
    given?.type === 'strings' && given.value.length > 0
      ? given.value
      : Array.from({ length: directions }, () => defaults).flat()
  const alphas = floats(node, 'activation_alpha')
  const betas = floats(node, 'activation_beta')
  const all = names.map((name): Activation => {
    const kind = KINDS[name.toLowerCase()]
    if (!kind) throw invalid(node, 'an activation of the standard', name)
    const alpha = kind.alpha === undefined ? 0 : (alphas.shift() ?? kind.alpha)
    const beta = kind.beta === undefined ? 0 : (betas.shift() ?? kind.beta)
    return (b, x) => kind.emit(b, x, alpha, beta)
  })
  if (all.length !== defaults.length * directions)
    throw invalid(node, `${defaults.length * directions} activations`, String(all.length))
  return Array.from({ length: directions }, (_, d) =>
    all.slice(d * defaults.length, (d + 1) * defaults.length),
  )
}

function floats(node: Node, name: string): number[] {
  const attribute = node.attributes.get(name)
  return attribute?.type === 'floats' ? [...attribute.value] : []
}
