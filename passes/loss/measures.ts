/** What an evaluation tells beside the loss: how many labels the largest logit predicts, and the loss without smoothing. */
import { Builder } from '../../src/builder.js'
import type { Model, Node, Value } from '../../src/ir.js'
import { CROSS_ENTROPY, IGNORE_INDEX } from '../../src/ops/cross-entropy.js'
import { DOMAIN } from '../../src/ops/dropbp.js'
import type { OpTable } from '../../src/op.js'

/** Names of the results that an evaluation graph has after its loss. */
const MEASURES = { correct: 'correct_predictions', unsmoothed: 'unsmoothed_loss' } as const

/** Which of them there are. */
export interface Measures {
  correct?: string
  unsmoothed?: string
}

/** Adds them where the loss compares logits with class numbers. The loss is the graph's first result. */
export function addMeasures(model: Model, table: OpTable): Measures {
  const { graph } = model
  const [loss, ...rest] = graph.outputs
  const node = loss!.producer
  if (node?.qualifiedOp !== CROSS_ENTROPY) return {}
  const b = new Builder(model, graph, table)
  const isSmoothed = node.float('label_smoothing', 0) > 0
  const added = [correct(node, b), ...(isSmoothed ? [unsmoothed(node, b)] : [])]
  graph.setOutputs([loss!, ...added, ...rest])
  return { correct: MEASURES.correct, ...(isSmoothed && { unsmoothed: MEASURES.unsmoothed }) }
}

/** Gives the results their names, which the passes in between do not keep. */
export function nameMeasures({ graph }: Model, measures: Measures): void {
  Object.values(measures).forEach((name: string, i) => (graph.outputs[i + 1]!.name = name))
}

/** A float32 scalar; of shifted labels, a position predicts the next one's. */
function correct(node: Node, b: Builder): Value {
  const shift = node.int('shift', 0)
  const ignored = b.scalar('int64', node.int('ignore_index', IGNORE_INDEX))
  const logits = b.cast(node.input(0), 'float32')
  const best = b.emit('ArgMax', [logits], { axis: -1, keepdims: 0 })
  const part = (x: Value, from: number, to: number): Value =>
    shift ? b.emit('Slice', [x, b.ints([from]), b.ints([to]), b.ints([1])]) : x
  const labels = part(b.cast(node.input(1), 'int64'), 1, Number.MAX_SAFE_INTEGER)
  const counted = b.emit('Not', [b.emit('Equal', [labels, ignored])])
  const right = b.emit('And', [b.emit('Equal', [part(best, 0, -1), labels]), counted])
  return b.emit('ReduceSum', [b.cast(right, 'float32')], { keepdims: 0 })
}

function unsmoothed(node: Node, b: Builder): Value {
  const attributes = {
    shift: node.int('shift', 0),
    ignore_index: node.int('ignore_index', IGNORE_INDEX),
  }
  return b.emit('CrossEntropy', [node.input(0), node.input(1)], attributes, { domain: DOMAIN })
}
