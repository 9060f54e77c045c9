/** Kernels called directly, through the library's own entry: no ONNX Runtime, any instruction set that this machine has. */
import { findKernels, NoKernels } from '../../kernels/library.js'
import { loadKoffi, type Koffi } from '../../src/foreign.js'
import type { NdArray } from '../../src/op.js'

export const library = findKernels()
if (library instanceof NoKernels) console.warn(`kernels are not tested: ${library.reason}`)

/** `kMaxRank` of the library. */
const MAX_RANK = 8

type Run = (...args: unknown[]) => string | null

const { koffi } = loadKoffi()
const entry: Run | undefined =
  library instanceof NoKernels
    ? undefined
    : koffi!
        .load(library.file)
        .func(
          'const char *dropbp_kernels_run(const char *isa, const char *name, void *inputs, size_t input_count, void *outputs, size_t output_count, void *attributes, size_t threads)',
        )

/** Instruction sets that this machine and the built library have. */
export const instructionSets = ['plain', 'avx2', 'avx512', 'neon'].filter(
  (isa) => call(isa, 'none', [], [], []) === 'there is no kernel of that name',
)

/** An operand in memory: its place, and what keeps it there. */
interface Operand {
  readonly shape: readonly number[]
  readonly data: Float32Array | BigInt64Array | null
}

/** The library's tensors: pointer, rank, 8 dimensions. */
function tensors(operands: readonly Operand[]): BigInt64Array {
  const words = new BigInt64Array(Math.max(1, operands.length) * (MAX_RANK + 2))
  operands.forEach(({ shape, data }, i) => {
    const at = i * (MAX_RANK + 2)
    // an empty array has no place of its own
    words[at] = data === null ? 0n : (koffi as Koffi).address(data.length > 0 ? data : new Float32Array(1))
    words[at + 1] = BigInt(shape.length)
    shape.forEach((d, k) => (words[at + 2 + k] = BigInt(d)))
  })
  return words
}

function call(
  isa: string,
  name: string,
  inputs: readonly Operand[],
  outputs: readonly Operand[],
  attributes: readonly number[],
  threads = 1,
): string | null {
  if (!entry) return 'no library'
  const [given, results, numbers] = [tensors(inputs), tensors(outputs), Float64Array.from([...attributes, 0])]
  return entry(isa, name, given, inputs.length, results, outputs.length, numbers, threads)
}

/** What a kernel is called with and gives. */
export interface KernelCall {
  readonly inputs: readonly NdArray[]
  /** Shapes of the results; null for one that nobody wants. */
  readonly outputs: readonly (readonly number[] | null)[]
  readonly attributes?: readonly number[]
  readonly threads?: number
  /** Results that are written into the memory of an input: the input's index by the result's. */
  readonly inPlace?: Readonly<Record<number, number>>
}

/**
 * Runs a kernel.
 * @returns results, null for those that nobody wants
 * @throws Error with what the kernel says of its operands
 */
export function runKernel(isa: string, name: string, options: KernelCall): (NdArray | null)[] {
  const { attributes = [], threads = 1, inPlace = {} } = options
  const inputs = options.inputs.map(({ dtype, shape, data }) => ({
    shape,
    data: dtype === 'int64' ? BigInt64Array.from(data, BigInt) : Float32Array.from(data),
  }))
  const outputs = options.outputs.map((shape, i) => {
    if (!shape) return { shape: [], data: null }
    const own = inPlace[i] === undefined ? undefined : inputs[inPlace[i]]!.data
    // what is not written stays visible
    return { shape, data: own ?? new Float32Array(shape.reduce((n, d) => n * d, 1)).fill(NaN) }
  })
  const wrong = call(isa, name, inputs, outputs, attributes, threads)
  if (wrong !== null) throw new Error(wrong)
  return outputs.map(
    ({ shape, data }) => data && { dtype: 'float32', shape, data: Float64Array.from(data as Float32Array) },
  )
}
