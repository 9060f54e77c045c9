/** Masks that a graph draws: what share of their elements is one. */
import { constantNumber } from '../../src/draws.js'
import type { Node, Value } from '../../src/ir.js'

const MOVES = new Set(['Cast', 'Identity', 'Reshape', 'Unsqueeze', 'Squeeze', 'Expand', 'Transpose'])

/** The probability that an element of a drawn mask of 0 and 1 is 1; undefined where the value is no such mask. */
export function keepProbability(value: Value): number | undefined {
  const node = value.producer
  if (!node || node.domain !== '') return undefined
  if (MOVES.has(node.op)) return keepProbability(node.input(0))
  if (node.op === 'Bernoulli') return constantNumber(node.input(0))
  if (node.op === 'Not') {
    const p = keepProbability(node.input(0))
    return p === undefined ? undefined : 1 - p
  }
  if (node.op === 'Floor') return floorOfSum(node.input(0).producer)
  return compared(node)
}

/** P(u < c) = c for u uniform in [0, 1). */
function compared(node: Node): number | undefined {
  const [, kind] = /^(Less|Greater)(OrEqual)?$/.exec(node.op) ?? []
  if (!kind) return undefined
  const [x, y] = [node.input(0), node.input(1)]
  const [drawnFirst, bound] = isUniform(x)
    ? [true, constantNumber(y)]
    : [false, isUniform(y) ? constantNumber(x) : undefined]
  if (bound === undefined) return undefined
  return (kind === 'Less') === drawnFirst ? bound : 1 - bound
}

/** ⌊u + c⌋ is 1 with probability c: how stochastic depth is written. */
function floorOfSum(sum: Node | null): number | undefined {
  if (sum?.op !== 'Add') return undefined
  const [x, y] = [sum.input(0), sum.input(1)]
  return isUniform(x) ? constantNumber(y) : isUniform(y) ? constantNumber(x) : undefined
}

function isUniform(value: Value): boolean {
  const node = value.producer
  if (!node || !/^RandomUniform(Like)?$/.test(node.op)) return false
  return node.float('low', 0) === 0 && node.float('high', 1) === 1
}
