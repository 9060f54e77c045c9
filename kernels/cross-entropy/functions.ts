/** Cross-entropy over rows of logits, and its gradient. */
import type { Builder } from '../../src/builder.js'
import type { Node, Value } from '../../src/ir.js'
import type { OpDef } from '../../src/op.js'
import {
  CROSS_ENTROPY,
  CROSS_ENTROPY_GRAD,
  crossEntropy,
  IGNORE_INDEX,
  nextLabels,
} from '../../src/ops/cross-entropy.js'
import { DOMAIN } from '../../src/ops/dropbp.js'
import { elementCount } from '../../src/types.js'
import { f32, i64, isF32, type KernelFolder, type KernelFunction } from '../kernel.js'
import { asRows } from '../rows.js'

function ignored(node: Node): number {
  return node.int('ignore_index', IGNORE_INDEX)
}

/** Whether the loss is of float32 logits and of labels as they are, no mixture. */
function isPlain(node: Node): boolean {
  return isF32(node.input(0)) && node.float('label_smoothing', 0) === 0
}

/** Whether operands are a matrix and a label a row. */
function isInRows(node: Node): boolean {
  const labels = node.input(1).type
  return (
    isPlain(node) &&
    node.int('shift', 0) === 0 &&
    isF32(node.input(0), 2) &&
    labels?.dtype === 'int64' &&
    labels.shape?.length === 1
  )
}

/** A label a row, for what its position predicts. */
function labelsOfRows(node: Node, b: Builder): Value {
  const labels = node.int('shift', 0) ? nextLabels(node, b, ignored(node)) : node.input(1)
  return b.reshape(b.cast(labels, 'int64'), [elementCount(labels.type!.shape!)])
}

/** The definition with a lowering that reshapes operands to rows first. */
function inRows(plain: OpDef, op: string): OpDef {
  return {
    ...plain,
    lower: (node, b) => {
      if (!isPlain(node) || isInRows(node)) return plain.lower!(node, b)
      const rows = asRows(b, node.input(0))
      rows.described = true
      const attributes = { ignore_index: ignored(node) }
      return b.emitAll(op, [rows, labelsOfRows(node, b)], attributes, {
        domain: DOMAIN,
        name: node.name,
        outputs: 2,
      })
    },
  }
}

function functionOf(name: string, op: string): KernelFunction {
  return {
    name,
    op,
    sample: { inputs: [f32('r', 'c'), i64('r')] },
    outputs: 2,
    attributes: { ignore_index: 'int' },
    accepts: isInRows,
  }
}

export const crossEntropyKernels: KernelFolder = {
  operators: {},
  overrides: {
    [CROSS_ENTROPY]: inRows(crossEntropy[CROSS_ENTROPY], 'CrossEntropy'),
    [CROSS_ENTROPY_GRAD]: inRows(crossEntropy[CROSS_ENTROPY_GRAD], 'CrossEntropyGrad'),
  },
  functions: [
    functionOf('CrossEntropy_f32_v1', CROSS_ENTROPY),
    functionOf('CrossEntropyGrad_f32_v1', CROSS_ENTROPY_GRAD),
  ],
}
