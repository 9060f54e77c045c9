/** Which values gradients can flow through, and which depend on the data of a graph input. */
import { Graph, type Node, type Use, type Value } from '../../src/ir.js'
import type { OpTable } from '../../src/op.js'
import { nestedGraphs, reads, topologicalOrder } from '../../src/order.js'
import { isFloat } from '../../src/types.js'

/** The differentiable part of a graph. */
export class Flow {
  private readonly edges = new Map<Value, Use[]>()
  private readonly degrees = new Map<Node, number>()

  /**
   * @param differentiable values on a differentiable path from a float parameter or float input to the loss
   * @param activations values that depend on the data, not only the shape, of a graph input
   * @param nodes nodes that gradients flow through
   */
  constructor(
    readonly graph: Graph,
    readonly loss: Value,
    readonly differentiable: ReadonlySet<Value>,
    readonly activations: ReadonlySet<Value>,
    readonly nodes: ReadonlySet<Node>,
  ) {}

  /** Whether this value comes from parameters alone. */
  isParametric(value: Value): boolean {
    return this.differentiable.has(value) && !this.activations.has(value)
  }

  /** Places that read a value and pass a gradient back to it. */
  usesOf(value: Value): readonly Use[] {
    let uses = this.edges.get(value)
    if (!uses) {
      uses = this.differentiable.has(value) ? [...value.uses].filter((use) => this.passesBack(use)) : []
      this.edges.set(value, uses)
    }
    return uses
  }

  /** Number of places that pass gradients back to the outputs of a node; the loss is one more. */
  outDegree(node: Node): number {
    let degree = this.degrees.get(node)
    if (degree === undefined) {
      degree = 0
      for (const output of node.outputs) degree += this.usesOf(output).length + (output === this.loss ? 1 : 0)
      this.degrees.set(node, degree)
    }
    return degree
  }

  private passesBack(use: Use): boolean {
    const user = userIn(this.graph, use)
    return !(user instanceof Graph) && this.nodes.has(user)
  }
}

/** Traces gradients from the loss to `parameters` and float graph inputs. */
export function traceFlow(graph: Graph, table: OpTable, parameters: Iterable<Value>, loss: Value): Flow {
  const order = topologicalOrder(graph)
  const carries = new Set<Value>([...parameters, ...graph.inputs.filter((v) => isFloat(v.type?.dtype))])
  const activations = new Set<Value>(graph.inputs)
  for (const node of order) {
    const inputs = [...reads(node)]
    if (differentiates(node, table) && inputs.some((v) => carries.has(v))) {
      for (const output of node.outputs) if (isFloat(output.type?.dtype)) carries.add(output)
    }
    if (!READS_SHAPE.has(node.op) && inputs.some((v) => activations.has(v)))
      for (const v of node.outputs) activations.add(v)
  }
  const { values, nodes } = reaching(loss, carries, graph, table)
  return new Flow(graph, loss, values, activations, nodes)
}

const READS_SHAPE: ReadonlySet<string> = new Set(['Shape', 'Size'])

function differentiates(node: Node, table: OpTable): boolean {
  const def = table.find(node)
  return def !== undefined && def.grad !== 'none'
}

function reaching(loss: Value, carries: ReadonlySet<Value>, graph: Graph, table: OpTable) {
  const values = new Set<Value>()
  const nodes = new Set<Node>()
  const pending = carries.has(loss) ? [loss] : []
  while (pending.length > 0) {
    const value = pending.pop()!
    if (values.has(value)) continue
    values.add(value)
    const node = value.producer
    if (!node || node.graph !== graph || nodes.has(node) || !differentiates(node, table)) continue
    nodes.add(node)
    for (const input of reads(node)) if (carries.has(input)) pending.push(input)
  }
  return { values, nodes }
}

/** Who reads through `use`, seen from `graph`: a node or result of it, or the control-flow node that holds the reader. */
function userIn(graph: Graph, use: Use): Node | Graph {
  let user: Node | Graph = use.user
  for (;;) {
    const home: Graph | null = user instanceof Graph ? user : user.graph
    if (home === graph || !home?.owner) return user
    user = home.owner
  }
}

/** Every operand of a node, one entry for each place that reads it, reads from nested graphs included. */
export function operandsOf(node: Node): Value[] {
  const operands = node.inputs.filter((v): v is Value => v !== null)
  if (node.subgraphs.length === 0) return operands
  for (const graph of nestedGraphs(node)) {
    operands.push(...graph.outputs)
    for (const inner of graph.nodes) for (const input of inner.inputs) if (input) operands.push(input)
  }
  return operands
}
