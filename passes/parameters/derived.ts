/** Weights that an exporter folded with a constant: Gemma's norms multiply by `1 + w`. */
import type { BuilderFor, Weight } from './weight.js'
import { prepareInitializer } from '../../src/infer.js'
import { Tensor } from '../../src/tensor.js'

/**
 * Makes the framework's weight the value that the graph reads, and computes the folded expression from it.
 * @returns the weight as it is now
 */
export function unfold(weight: Weight, builder: BuilderFor): Weight {
  if (!holdsOnePlus(weight)) return weight
  const { value, readings, name } = weight
  const { dtype, shape } = value.data!
  const w = value.owner!.addInitializer(
    name,
    Tensor.of(
      dtype,
      shape,
      value.data!.numbers().map((x) => x - 1),
    ),
  )
  prepareInitializer(w)
  const b = builder(readings[0]!)
  const sum = b.add(w, b.scalar(dtype, 1))
  value.replaceAllUsesWith(sum)
  value.owner!.removeInitializer(value)
  return { ...weight, value: w, derived: '1 + w' }
}

/** A normalisation's factor that has lost its name was computed: exporters name unchanged ones, and `1 + w` is the one in use. */
function holdsOnePlus({ folded, initializer, value, readings }: Weight): boolean {
  const computed = /^(add(_\d+)?|onnx::Mul_\d+)$/.test(initializer)
  return (
    folded && computed && value.data!.shape.length === 1 && readings.every(({ node }) => node.op === 'Mul')
  )
}
