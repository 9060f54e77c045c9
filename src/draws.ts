/** Which nodes of a graph draw at random. */
import type { Node, Value } from './ir.js'
import type { Tensor } from './tensor.js'

const RANDOM = /^(Random(Normal|Uniform)(Like)?|Bernoulli|Multinomial)$/

/** Whether a node computes something else at every run. */
export function isDraw(node: Node): boolean {
  if (node.domain !== '') return false
  return RANDOM.test(node.op) || (node.op === 'Dropout' && trains(node))
}

/** Whether a `Dropout` is in training mode, or may be. */
export function trains(node: Node): boolean {
  const mode = node.inputs[2]
  return !!mode && constantNumber(mode) !== 0
}

const MOVES = new Set(['Expand', 'Cast', 'Reshape', 'Identity', 'Unsqueeze', 'Squeeze', 'Tile'])

/** The number that every element of a value is, where the graph says so. */
export function constantNumber(value: Value): number | undefined {
  let v: Value = value
  for (let node = v.producer; node && node.domain === '' && MOVES.has(node.op); node = v.producer)
    v = node.input(0)
  if (v.producer) {
    const fill = v.producer.attributes.get('value')
    if (v.producer.op === 'ConstantOfShape') return fill?.type === 'tensor' ? fill.value.item() : 0
    if (v.producer.op === 'Constant' && fill?.type === 'tensor') return sameNumber(fill.value)
  }
  const known = v.known?.map((e) => e.constant)
  if (known && known.length > 0) return known.every((k) => k === known[0]) ? known[0] : undefined
  return v.data && sameNumber(v.data)
}

function sameNumber(data: Tensor): number | undefined {
  if (data.size === 0 || data.size > LIMIT) return undefined
  const numbers = data.numbers()
  return numbers.every((x) => x === numbers[0]) ? numbers[0] : undefined
}

const LIMIT = 1024
