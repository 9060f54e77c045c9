/** Weights that have lost their names in exports that have lost their module scopes: what simplifiers leave behind. */
import type { Value } from '../../src/ir.js'
import { moduleScope } from '../scopes.js'
import { biasOf } from './claims.js'
import type { Reading } from './weight.js'
import { isGenerated } from './spelling.js'

/**
 * What an initializer with a generated name is called where no reader says where it lies: a matrix that is multiplied by is
 * a weight, named after its bias where that has kept its name, else as the file has it. Undefined for anything else.
 */
export function nameOfUnplaced(value: Value, readings: readonly Reading[]): string | undefined {
  const { shape } = value.data!
  const isMatrix = shape.length === 2 && shape.every((d) => d > 1)
  if (!isMatrix || readings.length === 0 || !readings.every(multiplies)) return undefined
  const bias = biasOf(readings[0]!.node)
  const tells = bias?.isInitializer && !isGenerated(bias.name) && /\bbias$/.test(bias.name)
  return tells ? bias.name.replace(/bias$/, 'weight') : value.name
}

function multiplies({ node, index }: Reading): boolean {
  return index === 1 && (node.op === 'MatMul' || node.op === 'Gemm') && moduleScope(node) === undefined
}
