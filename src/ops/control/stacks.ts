/** Values of the iterations of a `Loop` or `Scan`, stacked: what its backward reads. */
import { Builder } from '../../builder.js'
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

  /** The values of one value of the body in all iterations, as the backward walks them; undefined where shapes may differ. */
  of(value: Value): Scanned | undefined {
    const { layout, node } = this
    const j = layout.scanInputs.find((at) => layout.element(at) === value)
    if (j !== undefined) return back(node.input(layout.scanOperand(j)), layout.scanInput(j))
    if (!value.type?.shape?.every((d) => isKnownAround(d, layout.body, this.b.model))) return undefined
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
}

function back(value: Value, { axis, direction }: { axis: number; direction: number }): Scanned {
  return { value, axis, direction: 1 - direction }
}
