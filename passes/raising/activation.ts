/** GELU and SiLU in all their spellings: x times an affine function of tanh, erf or sigmoid of a polynomial in x. */
import { float, type Builder } from '../../src/builder.js'
import type { Node, Value } from '../../src/ir.js'
import { made, number, orders, uncast } from './match.js'
import type { Pattern } from './pattern.js'
import { hasCoefficients, multiples, polynomial, type Polynomial } from './polynomial.js'

const SLOPE = Math.sqrt(2 / Math.PI)
const TANH = { 1: SLOPE, 3: SLOPE * 0.044715 }
const TWICE = { 1: 2 * TANH[1], 3: 2 * TANH[3] }

/** ½x(1 + tanh(√(2/π)(x + 0.044715x³))), ½x(1 + erf(x/√2)), x·σ(αx) */
export const activationPattern: Pattern = {
  name: 'activation',
  match: (node, b) => {
    for (const outer of product(node)) {
      for (const { x, factor: left } of multiples(outer.x)) {
        for (const { x: gate, factor: right } of multiples(outer.gate)) {
          const inner = squashing(gate)
          const affine = inner && polynomial(gate, inner.output())
          const found = affine && activation(x, inner, scaled(affine, outer.factor * left * right), b)
          if (found) return found
        }
      }
    }
    return undefined
  },
}

/** The factors of a product, in both orders, and a constant around it. */
function* product(node: Node): Generator<{ x: Value; gate: Value; factor: number }> {
  if (node.domain !== '' || (node.op !== 'Mul' && node.op !== 'Div')) return
  for (const { x: v, factor } of multiples(node.output())) {
    const mul = made(v, 'Mul')
    for (const [x, gate] of mul ? orders(mul) : []) if (number(x) === undefined) yield { x, gate, factor }
  }
}

/** The tanh, erf or sigmoid that a value is an affine function of. */
function squashing(v: Value): Node | undefined {
  let value = uncast(v)
  for (let steps = 0; steps < 4; steps++) {
    const found = made(value, 'Tanh', 'Erf', 'Sigmoid')
    if (found) return found
    const node = made(value, 'Add', 'Mul', 'Sub', 'Div')
    const operands = node?.inputs.filter((x) => number(x) === undefined)
    if (operands?.length !== 1) return undefined
    value = operands[0]!
  }
  return undefined
}

function scaled(p: Polynomial, factor: number): Polynomial {
  return new Map([...p].map(([degree, c]) => [degree, c * factor]))
}

/** The activation that x·(affine of squash(argument)) is. */
function activation(x: Value, squash: Node, affine: Polynomial, b: Builder): Value | undefined {
  const argument = polynomial(squash.input(0), x)
  if (!argument) return undefined
  const isHalf = hasCoefficients(affine, { 0: 0.5, 1: 0.5 })
  const isWhole = hasCoefficients(affine, { 1: 1 })
  if (squash.op === 'Tanh' && isHalf && hasCoefficients(argument, TANH)) return emitGelu(b, x, 'tanh')
  if (squash.op === 'Erf' && isHalf && hasCoefficients(argument, { 1: Math.SQRT1_2 }))
    return emitGelu(b, x, 'none')
  if (squash.op !== 'Sigmoid' || !isWhole) return undefined
  if (hasCoefficients(argument, TWICE)) return emitGelu(b, x, 'tanh')
  const alpha = argument.get(1)
  const isLinear = alpha !== undefined && hasCoefficients(argument, { 1: alpha })
  // Stock ONNX Runtime has it for float32 alone.
  if (!isLinear || x.type?.dtype !== 'float32') return undefined
  return b.emit('QuickGelu', [x], { alpha: float(alpha) }, { domain: 'com.microsoft', name: 'silu' })
}

function emitGelu(b: Builder, x: Value, approximate: string): Value {
  return b.emit('Gelu', [x], { approximate }, { name: 'gelu' })
}
