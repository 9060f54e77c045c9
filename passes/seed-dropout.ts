/** Dropout masks that are a function of a number which the runtime feeds. */
import { Builder } from '../src/builder.js'
import { constantNumber, isDraw } from '../src/draws.js'
import { Value, type Node } from '../src/ir.js'
import { where } from '../src/ops/support/emit.js'
import { indices } from '../src/ops/attention/scaled-dot-product.js'
import { allGraphs, topologicalOrder } from '../src/order.js'
import { elementCount, tensorType, type Shape } from '../src/types.js'
import type { CompileContext, Pass } from './pass.js'

export const seedDropout: Pass = {
  name: 'seed-dropout',
  purpose: 'Makes dropout masks a function of an input of the training graph, so that a run can be repeated.',
  needs: 'The forward, every value typed.',
  leaves: 'With options.seededDropout: no Dropout with a known ratio; ctx.dropoutSeed. Else the same graph.',
  run(ctx) {
    if (!ctx.options.seededDropout) return
    const found = allGraphs(ctx.model.graph).flatMap((graph) => topologicalOrder(graph).filter(canSeed))
    if (found.length === 0) return
    ctx.dropoutSeed = ctx.model.graph.addInput(new Value('dropout_seed', tensorType('int64', [])))
    for (const [number, node] of found.entries()) seed(ctx, node, ctx.dropoutSeed, number)
  },
}

function canSeed(node: Node): boolean {
  if (node.op !== 'Dropout' || !isDraw(node) || !node.input(0).type?.shape) return false
  return constantNumber(node.input(2)) !== undefined && ratioOf(node) !== undefined
}

function ratioOf(node: Node): number | undefined {
  return node.inputs[1] ? constantNumber(node.inputs[1]) : 0.5
}

function seed({ model, table }: CompileContext, node: Node, given: Value, number: number): void {
  const b = new Builder(model, node.graph!, table)
  const [x, ratio] = [node.input(0), ratioOf(node)!]
  const mask = drawMask(b, given, number, x.type!.shape!, ratio)
  node.output().replaceAllUsesWith(b.scale(where(b, mask, x), 1 / (1 - ratio)))
  node.outputs[1]?.replaceAllUsesWith(mask)
  node.graph!.removeNode(node)
}

const PRIME = 2 ** 31 - 1

/**
 * True with probability 1 − ratio, from the element's place alone: two rounds of an affine map and a square modulo 2³¹ − 1, a
 * polynomial of degree four in the place, whose values spread evenly for every seed.
 * @param number tells the masks of one seed apart
 */
function drawMask(b: Builder, given: Value, number: number, shape: Shape, ratio: number): Value {
  const int = (x: number): Value => b.scalar('int64', x)
  const mod = (x: Value): Value => b.emit('Mod', [x, int(PRIME)])
  const start = mod(b.add(b.mul(mod(given), int(48271)), int((number * 7919 + 1) * 69621)))
  const second = mod(b.add(b.mul(start, int(16807)), int(number + 1)))
  const place = indices(b, elementCount(shape), 0, 1)
  const first = mod(b.add(b.mul(place, int(39373)), start))
  const squared = mod(b.add(b.mul(first, first), second))
  const mixed = mod(b.add(b.mul(squared, int(69621)), start))
  const drawn = mod(b.add(b.mul(mixed, mixed), squared))
  return b.reshape(b.emit('GreaterOrEqual', [drawn, int(Math.round(ratio * PRIME))]), shape)
}
