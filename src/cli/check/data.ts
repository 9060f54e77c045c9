/** Random data that a model accepts. */
import type { Random } from '../../../runtime/index.js'
import { evaluateExpr } from '../../expr.js'
import { type HostTensor, type TypedArray, sizeOf } from '../../host-tensor.js'
import type { Manifest, TensorSpec } from '../../manifest.js'
import { Tensor } from '../../tensor.js'
import { isFloat, type DType } from '../../types.js'

/** Sizes of symbolic dimensions by name. */
export type Dims = Readonly<Record<string, number>>

const ARRAYS: Partial<Record<DType, new (buffer: ArrayBuffer) => TypedArray>> = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  int64: BigInt64Array,
  int32: Int32Array,
  int16: Int16Array,
  int8: Int8Array,
  uint8: Uint8Array,
  uint16: Uint16Array,
  uint32: Uint32Array,
  uint64: BigUint64Array,
  bool: Uint8Array,
}

/** Numbers as a tensor, rounded to its type. */
export function fromNumbers(dtype: string, shape: readonly number[], values: ArrayLike<number>): HostTensor {
  const bytes = Tensor.of(dtype as DType, shape, values).bytes()
  return { dtype, shape: [...shape], data: new ARRAYS[dtype as DType]!(new Uint8Array(bytes).buffer) }
}

/** A random value for an input; integers respect its limit, masks let everything through. */
export function randomInput(spec: TensorSpec, dims: Dims, random: Random): HostTensor {
  const shape = spec.shape.map((d) => (typeof d === 'number' ? d : evaluateExpr(d, dims)))
  const draw = isFloat(spec.dtype as DType)
    ? normal
    : /mask/i.test(spec.name)
      ? () => 1
      : (r: Random) => r.below(spec.limit ?? 2)
  return fromNumbers(
    spec.dtype,
    shape,
    Array.from({ length: sizeOf(shape) }, () => draw(random)),
  )
}

const IGNORED_SHARE = 0.1

/** Random labels for a loss: some ignored where every position has one, both classes of a binary target. */
export function randomLabels(
  { kind, labels, classes = 2 }: Manifest['loss'],
  dims: Dims,
  random: Random,
): HostTensor {
  if (!labels) throw new Error('a loss that is an output has no labels')
  const { ignoreIndex, dtype } = labels
  const draw = (): number => {
    if (kind === 'mse') return normal(random)
    if (kind === 'bce') return random.below(2)
    const ignored = kind !== 'class' && ignoreIndex !== undefined && random.uniform() < IGNORED_SHARE
    return ignored ? ignoreIndex : random.below(classes)
  }
  const shape = labels.shape.map((d) => (typeof d === 'number' ? d : evaluateExpr(d, dims)))
  return fromNumbers(dtype, shape, Array.from({ length: sizeOf(shape) }, draw))
}

/** Standard normal, by Box and Muller. */
function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random.uniform())) * Math.cos(2 * Math.PI * random.uniform())
}
