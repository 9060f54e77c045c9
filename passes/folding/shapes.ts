/** Detaches shape operands from the activations whose shapes they were computed from. */
import { Builder } from '../../src/builder.js'
import { Expr } from '../../src/expr.js'
import type { Graph, Model, Node, Value } from '../../src/ir.js'
import type { OpTable } from '../../src/op.js'
import { elementCount, type Dim, type Shape } from '../../src/types.js'

/** Replaces computed integer operands by constants, or by expressions of the dimensions of the model's inputs. */
export class ShapeReader {
  private readonly b: Builder

  constructor(
    private readonly model: Model,
    graph: Graph,
    table: OpTable,
  ) {
    this.b = new Builder(model, graph, table)
  }

  /** Gives a node that is not itself shape arithmetic operands that read no activation. */
  detach(node: Node): void {
    if (node.outputs.every((v) => v.known)) return
    node.inputs.forEach((operand, i) => {
      if (!operand?.known || !operand.producer || readsInput(operand.producer, this.model)) return
      const replacement = this.target(node, i) ?? this.expression(operand)
      if (replacement) node.setInput(i, replacement)
    })
  }

  /** A target of Reshape or Expand, constant where the dimensions that stay open can be left out. */
  private target(node: Node, index: number): Value | undefined {
    const from = node.inputs[0]?.type?.shape
    const to = node.output().type?.shape
    if (node.domain !== '' || index !== 1 || !from || !to) return undefined
    if (node.op === 'Expand') return this.shape(expandTarget(from, to))
    if (node.op !== 'Reshape' || to.some((d) => d.equals(0))) return undefined
    const target = this.isReadable(to) ? this.b.reshapeTarget(from, to) : this.reshapeAround(from, to)
    if (target) node.attributes.delete('allowzero')
    return target
  }

  /** A target with one dimension that only the activation tells. */
  private reshapeAround(from: Shape, to: Shape): Value | undefined {
    const plain = to.map((d, i) => d.constant ?? (from[i]?.equals(d) ? 0 : -1))
    return plain.filter((d) => d === -1).length <= 1 ? this.b.ints(plain) : undefined
  }

  /** The elements of an integer operand, computed anew. */
  private expression(operand: Value): Value | undefined {
    const { dtype, shape } = operand.type!
    const flat = this.shape(operand.known!)
    if (!flat || !shape || elementCount(shape).constant === undefined) return undefined
    return this.b.cast(shape.length === 1 ? flat : this.b.reshape(flat, shape), dtype)
  }

  private shape(dims: Shape): Value | undefined {
    return this.isReadable(dims) ? this.b.shape(dims) : undefined
  }

  /** Whether dimensions follow from those of the model's inputs. */
  private isReadable(dims: readonly Dim[]): boolean {
    return dims.every((d) =>
      d.fold<boolean>({
        constant: () => true,
        atom: (name) => this.model.dimSources.get(name)?.value.owner === this.model.graph,
        add: (a, b) => a && b,
        mul: (a, b) => a && b,
        call: (_fn, a, b) => a && b,
      }),
    )
  }
}

/** Dimensions that the operand has already are 1 in the target: it broadcasts. */
function expandTarget(from: Shape, to: Shape): Dim[] {
  const offset = to.length - from.length
  return to.map((d, i) => (from[i - offset]?.equals(d) ? Expr.one : d))
}

/** Whether a shape is read from a model input, which is alive anyway. */
function readsInput(node: Node, model: Model): boolean {
  return node.op === 'Shape' && model.graph.inputs.includes(node.input(0))
}
