/** com.microsoft's fused forms of Dropout, by way of it. */
import type { Builder } from '../../builder.js'
import type { Node, Value } from '../../ir.js'
import { invalid, type Inferred, type OpDef } from '../../op.js'
import { typeOf } from '../support/shapes.js'

function inferDropout(node: Node): Inferred[] {
  const type = typeOf(node.inputs[0])
  return [{ type }, { type: { dtype: 'bool', shape: type.shape } }]
}

/** A mask of bits says of 32 elements in one number; only Dropout's own backward reads it. */
function inferBitmask(node: Node): Inferred[] {
  return [{ type: typeOf(node.inputs[0]) }, { type: { dtype: 'uint32' } }]
}

function drop(node: Node, b: Builder, x: Value, [ratio, training]: (Value | null | undefined)[]): Value[] {
  const seed = node.attributes.get('seed')
  return b.emitAll('Dropout', [x, ratio ?? null, training ?? null], seed ? { seed } : {}, { outputs: 2 })
}

/** Dropout(x + bias) + residual. */
function dropBiased(node: Node, b: Builder): Value[] {
  const [x, bias, residual, ...rest] = node.inputs
  const [y, mask] = drop(node, b, b.add(x!, bias!), rest)
  return [residual ? b.add(y!, residual) : y!, mask!]
}

function withoutBits(node: Node, [y]: Value[]): (Value | null)[] {
  const bits = node.outputs[1]
  if (bits && bits.uses.size > 0) throw invalid(node, 'a mask of bits that nobody reads', 'a reader')
  return [y!, null]
}

/** Definitions of the fused forms. */
export const microsoftDropout = {
  /** Inputs: x, bias, residual (optional), ratio, training_mode. Outputs: y, mask. */
  'com.microsoft::BiasDropout': {
    infer: inferDropout,
    grad: 'none',
    lower: (node, b) => dropBiased(node, b).map((v, i) => (node.outputs[i] ? v : null)),
  },
  /** As Dropout, its mask in bits. */
  'com.microsoft::BitmaskDropout': {
    infer: inferBitmask,
    grad: 'none',
    lower: (node, b) => withoutBits(node, drop(node, b, node.input(0), node.inputs.slice(1))),
  },
  'com.microsoft::BitmaskBiasDropout': {
    infer: inferBitmask,
    grad: 'none',
    lower: (node, b) => withoutBits(node, dropBiased(node, b)),
  },
} satisfies Record<string, OpDef>
