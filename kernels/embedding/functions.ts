/** The gradient of rows read by index, an embedding's above all: rows added to a table at their indices. */
import type { Node } from '../../src/ir.js'
import type { InferContext, NdArray, OpDef } from '../../src/op.js'
import { DOMAIN } from '../../src/ops/dropbp.js'
import { addToRows, gather } from '../../src/ops/gather.js'
import { nd } from '../../src/ops/support/nd.js'
import { elementCount, type Shape } from '../../src/types.js'
import { f32, i64, isF32, type KernelFolder } from '../kernel.js'

/** The operator's name in its domain. */
export const EMBEDDING_GRAD = `${DOMAIN}::EmbeddingGrad`
const plain = gather.Gather

function shapeOfTable(node: Node, ctx: InferContext): Shape | undefined {
  const [base, shape, , updates] = node.inputs
  if (base) return base.type?.shape
  return shape?.known ?? [ctx.unknownDim(0, 0), updates?.type?.shape?.[1] ?? ctx.unknownDim(0, 1)]
}

function evaluate(_node: Node, [base, shape, indices, updates]: readonly (NdArray | undefined)[]): NdArray[] {
  const dims = base ? base.shape : Array.from(shape!.data)
  const [rows, width] = dims as [number, number]
  const table = base ? base.data.slice() : new Float64Array(rows * width)
  indices!.data.forEach((index, j) => {
    const at = (index < 0 ? index + rows : index) * width
    for (let i = 0; i < width; i++) table[at + i]! += updates!.data[j * width + i]!
  })
  return [nd(updates!.dtype, dims, table)]
}

/**
 * A table with row j of the updates added to its row indices[j], in the order of j. Inputs: the table, or its shape
 * [rows, width] where it is zeros (one of the two is absent); indices [n], negative ones from the end; updates [n, width].
 */
const embeddingGrad: OpDef = {
  infer: (node, ctx) => [{ type: { dtype: 'float32', shape: shapeOfTable(node, ctx) } }],
  grad: 'none',
  evaluate,
  lower: (node, b) => {
    const [base, shape] = node.inputs
    const [indices, updates] = [node.input(2), node.input(3)]
    const table = base ?? b.emit('Expand', [b.scalar('float32', 0), shape!])
    return [addToRows(b, table, indices, updates, updates.type!.shape!)]
  },
}

/** Whether a node reads rows of a float32 table, and not a single one that is known. */
function readsRows(node: Node): boolean {
  const [table, indices] = node.inputs
  const rank = table?.type?.shape?.length ?? 0
  const axis = node.int('axis', 0)
  return isF32(table) && rank > 1 && (axis === 0 || axis === -rank) && (indices?.type?.shape?.length ?? 0) > 0
}

const functionOf = (name: string, isInto: boolean): KernelFolder['functions'][number] => ({
  name,
  op: EMBEDDING_GRAD,
  sample: { inputs: [isInto ? f32('r', 'w') : null, isInto ? null : i64(2), i64('n'), f32('n', 'w')] },
  outputs: 1,
  accepts: (node) => !!node.inputs[0] === isInto,
})

export const embeddingKernels: KernelFolder = {
  operators: { [EMBEDDING_GRAD]: embeddingGrad },
  overrides: {
    Gather: {
      ...plain,
      grad: (node, g) => {
        if (!readsRows(node)) return plain.grad(node, g)
        const { b } = g
        const [rows, ...others] = node.input(0).type!.shape!
        const count = elementCount(node.input(1).type!.shape!)
        const width = elementCount(others)
        return [
          () => {
            const indices = b.reshape(b.cast(node.input(1), 'int64'), [count])
            const operands = [null, b.shape([rows!, width]), indices, b.reshape(g.dy(), [count, width])]
            const table = b.emit('EmbeddingGrad', operands, {}, { domain: DOMAIN, name: 'embedding_grad' })
            return b.reshape(table, [rows!, ...others])
          },
          null,
        ]
      },
    },
  },
  functions: [functionOf('EmbeddingGrad_f32_v1', false), functionOf('EmbeddingGradInto_f32_v1', true)],
}
