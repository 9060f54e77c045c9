/** Operators that have kernels, and the functions that models call them by. */
import type { Node } from '../src/ir.js'
import type { OpDef, OpTable } from '../src/op.js'
import { standardOps } from '../src/ops/index.js'
import { attentionKernels } from './attention/functions.js'
import { crossEntropyKernels } from './cross-entropy/functions.js'
import { embeddingKernels } from './embedding/functions.js'
import { geluKernels } from './gelu/functions.js'
import type { KernelFolder, KernelFunction } from './kernel.js'
import { layerNormalizationKernels } from './layer-normalization/functions.js'
import { rmsNormalizationKernels } from './rms-normalization/functions.js'
import { rotaryKernels } from './rotary/functions.js'
import { softmaxKernels } from './softmax/functions.js'
import { swigluKernels } from './swiglu/functions.js'

const FOLDERS: readonly KernelFolder[] = [
  attentionKernels,
  crossEntropyKernels,
  embeddingKernels,
  geluKernels,
  layerNormalizationKernels,
  rmsNormalizationKernels,
  rotaryKernels,
  softmaxKernels,
  swigluKernels,
]

/** Every function that computes an operator. */
export const KERNEL_FUNCTIONS: readonly KernelFunction[] = FOLDERS.flatMap((f) => f.functions)

/** The table with rules that emit operators which have kernels. A rule that the caller replaced stays as it is. */
export function withKernelRules(table: OpTable): OpTable {
  const own = ([name]: [string, OpDef]): boolean => table.get(name) === standardOps.get(name)
  const overrides = FOLDERS.flatMap((f) => Object.entries(f.overrides)).filter(own)
  return table.with(
    Object.fromEntries([...FOLDERS.flatMap((f) => Object.entries(f.operators)), ...overrides]),
  )
}

/** The function that computes a node, if any does. */
export function kernelFunctionOf(node: Node): KernelFunction | undefined {
  return KERNEL_FUNCTIONS.find((f) => f.op === node.qualifiedOp && f.accepts(node))
}
