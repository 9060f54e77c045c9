/** Values of the iterations of a `Loop` or `Scan`, stacked: what its backward reads. */
import { Builder } from '../../builder.js'
import { CompileError } from '../../errors.js'
import { inferNode } from '../../infer.js'
import { Value, type Node } from '../../ir.js'
import type { Layout, Scanned } from './layout.js'
import { addResult, isKnownAround } from './nested.js'

/** Makes a forward loop return what its iterations compute. */
export class Stacks {
  constructor(
    private readonly node: Node,
    private readonly layout: Layout,
    /** Of the graph that holds the loop. */
    private readonly b: Builder,
  ) {}

  /**
   * The values of one value of the body in all iterations, as the backward walks them.
   * @throws CompileError `no-gradient` where their shapes may differ
   */
  of(value: Value): Scanned {
    const { layout, node } = this
    const j = layout.scanInputs.find((at) => layout.element(at) === value)
    if (j !== undefined) return back(node.input(layout.scanOperand(j)), layout.scanInput(j))
    this.refuseChangingShape(value)
    const at = layout.scanOutputs.find((k) => layout.body.outputs[layout.scanResultAt(k)] === value)
    if (at !== undefined) return back(node.output(layout.states.length + at), layout.scanOutput(at))
    return back(this.stack(value), { axis: 0, direction: 0 })
  }

  /** A further output of the loop, along a new first axis. */
  private stack(value: Value): Value {
    const { layout, node } = this
    const { model, table } = this.b
    addResult(layout.body, value, new Builder(model, layout.body, table))
    const output = node.addOutput(new Value(`${value.name || 'saved'}_stack`))
    for (const name of ['scan_output_axes', 'scan_output_directions']) {
      const given = node.ints(name)
      if (given) node.attributes.set(name, { type: 'ints', value: [...given, 0] })
    }
    inferNode(node, model, table)
    return output
  }

  private refuseChangingShape(value: Value): void {
    const shape = value.type?.shape
    if (shape?.every((d) => isKnownAround(d, this.layout.body, this.b.model))) return
    throw new CompileError(
      'no-gradient',
      `${this.node.op} (node "${this.node.name}") lies between a trainable parameter and the loss, and the shape of ` +
        `"${value.name}" may change from one iteration to the next, so that its values cannot be kept for the backward; ` +
        'freeze the parameters up to it with --freeze, or export the model for a fixed number of iterations',
    )
  }
}

function back(value: Value, { axis, direction }: { axis: number; direction: number }): Scanned {
  return { value, axis, direction: 1 - direction }
}
