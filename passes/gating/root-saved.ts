/** Roots what the backward reads: what costs next to nothing to compute again is not kept. */
import { cloneNode } from '../../src/clone.js'
import type { Graph, Node, Value } from '../../src/ir.js'
import { reads } from '../../src/order.js'
import { RMS_NORM } from '../../src/ops/rms-norm.js'
import { SWIGLU } from '../../src/ops/swiglu.js'
import { trimOutputs } from './trim.js'

const VIEWS = new Set(['Reshape', 'Squeeze', 'Unsqueeze', 'Flatten', 'Identity'])

/** One pass over their operands; they make the widest activations of a block, and norms and transposes double the others. */
const CHEAP = new Set([
  'Transpose',
  'Mul',
  'Gelu',
  'com.microsoft::QuickGelu',
  SWIGLU,
  'LayerNormalization',
  'RMSNormalization',
  RMS_NORM,
])

/**
 * Replaces reads of forward values by backward nodes: of a view by a view made in the backward, and of a cheap operator's
 * first output by the same operator there, where its operands are kept anyway.
 * @param isBackward whether a node was emitted by differentiation
 */
export function rootSaved(graph: Graph, isBackward: (n: Node) => boolean): void {
  const pending = [...graph.nodes].filter(isBackward)
  const kept = new Kept(new Set(pending))
  while (pending.length > 0) {
    const node = pending.pop()!
    node.inputs.forEach((v, i) => {
      const made = v?.producer
      if (!made || isBackward(made) || !kept.canRepeat(v)) return
      const again = graph.addNode(cloneNode(made, new Map()))
      node.setInput(i, again.output())
      trimOutputs(again)
      pending.push(again)
    })
  }
}

/** Which forward values are there in the backward. */
class Kept {
  private readonly repeatable = new Map<Value, boolean>()
  private readonly read: ReadonlySet<Value>

  constructor(readers: ReadonlySet<Node>) {
    this.read = new Set([...readers].flatMap((n) => [...reads(n)]))
  }

  /** Whether a value is to be computed again instead of being kept. */
  canRepeat(v: Value): boolean {
    let found = this.repeatable.get(v)
    if (found === undefined) {
      const node = v.producer!
      found = isView(node) || (isCheap(node, v) && node.inputs.every((x) => !x || this.isAtHand(x)))
      this.repeatable.set(v, found)
    }
    return found
  }

  /** Whether a value costs no memory: it is a weight or an input, the backward reads it anyway, or it follows from such. */
  private isAtHand(v: Value): boolean {
    if (!v.producer || this.read.has(v)) return true
    if (isView(v.producer)) return v.producer.inputs.every((x) => !x || this.isAtHand(x))
    return this.canRepeat(v)
  }
}

/** A transposed weight counts too: the products that read it transpose it for free. */
function isView(node: Node): boolean {
  if (node.domain !== '') return false
  return VIEWS.has(node.op) || (node.op === 'Transpose' && !node.input(0).producer)
}

function isCheap(node: Node, v: Value): boolean {
  return CHEAP.has(node.qualifiedOp) && v === node.output(0)
}
