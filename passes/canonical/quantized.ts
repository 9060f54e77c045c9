/** Quantised activations: what exporters write as two operators with integers in between becomes one with a gradient. */
import type { Builder } from '../../src/builder.js'
import type { Node, Value } from '../../src/ir.js'
import { DOMAIN } from '../../src/ops/dropbp.js'

/**
 * `DequantizeLinear(QuantizeLinear(x))` on one grid as `com.dropbp::QuantizeDequantize(x)`, through which gradients pass.
 * @returns undefined where the node is anything else
 */
export function fuseQuantization(node: Node, b: Builder): Value | undefined {
  if (node.op !== 'DequantizeLinear' || node.domain !== '') return undefined
  const first = node.input(0).producer
  if (first?.op !== 'QuantizeLinear' || first.domain !== '' || !sameGrid(first, node)) return undefined
  if (first.input(0).type?.dtype !== node.output().type?.dtype) return undefined
  return b.emit('QuantizeDequantize', first.inputs, Object.fromEntries(first.attributes), { domain: DOMAIN })
}

function sameGrid(a: Node, b: Node): boolean {
  const equal = ['axis', 'block_size'].every(
    (name) => a.int(name, name === 'axis' ? 1 : 0) === b.int(name, name === 'axis' ? 1 : 0),
  )
  return equal && sameTensor(a.inputs[1], b.inputs[1]) && sameTensor(a.inputs[2], b.inputs[2])
}

/** The same value, or constants of equal data. */
function sameTensor(a: Value | null | undefined, b: Value | null | undefined): boolean {
  if ((a ?? null) === (b ?? null)) return true
  if (!a?.data || !b?.data || a.data.dtype !== b.data.dtype) return false
  return String(a.data.shape) === String(b.data.shape) && Buffer.compare(a.data.bytes(), b.data.bytes()) === 0
}
