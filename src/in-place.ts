/**
 * Proves that results of a graph can be written into the memory of its inputs while it runs: whoever reads the memory precedes
 * the writer by data dependency, nested graphs and functions included, and the writer itself reads no element after it has
 * written it.
 *
 * Of a runtime this assumes that a node runs after those whose results it reads, that a result given a buffer is written there
 * by the node that computes it or copied there after it, and that rewrites keep the order of what depends on each other. Those
 * that let a later node read the memory itself (a cast there and back, a factor 1, a reshape) are reckoned with: such results
 * count as the memory, and so do those of every operator that is not known to make new ones.
 */
import { Node, type Graph, type Model, type Value } from './ir.js'
import { reads } from './order.js'
import { formatType } from './types.js'

/** An input and the result that is to be written over it. */
export interface InPlacePair {
  readonly input: Value
  readonly output: Value
}

/** Why a pair cannot be one buffer. */
export interface Hazard extends InPlacePair {
  readonly reason: string
}

/** Arithmetic that reads an element before it writes the same element, and where the result is new memory otherwise. */
const ELEMENTWISE = new Set('Add Sub Mul Div Pow Neg Abs Sign Sqrt Reciprocal Exp Log'.split(' '))
/** Operators that move elements, if at all, one to one: onto themselves, they change nothing. */
const COPIES = new Set('Identity Reshape Squeeze Unsqueeze Flatten'.split(' '))
/** Other operators whose results are never the memory of an operand. */
const NEW_RESULTS = new Set(
  'Max Min Greater Less Equal Size Shape Gather MatMul Gemm ReduceMean ReduceSum ReduceSumSquare'.split(' '),
)

/** What forbids the pairs, each with the first reason found; empty where all of them are safe. */
export function inPlaceHazards(model: Model, pairs: readonly InPlacePair[]): Hazard[] {
  const proof = new Proof(model)
  const taken = new Set<Value>()
  return pairs.flatMap((pair) => {
    const again = taken.has(pair.input)
    taken.add(pair.input)
    const reason = again ? 'another result is written there' : proof.ofPair(model.graph, pair)
    return reason === undefined ? [] : [{ ...pair, reason }]
  })
}

/** Pairs of a model's inputs and results by their names; null where it lacks one. */
export function pairsByName(
  { graph }: Model,
  names: readonly { input: string; output: string }[],
): InPlacePair[] | null {
  const [inputs, outputs] = [graph.inputs, graph.outputs].map((of) => new Map(of.map((v) => [v.name, v])))
  const pairs = names.flatMap((name) => {
    const [input, output] = [inputs!.get(name.input), outputs!.get(name.output)]
    return input && output ? [{ input, output }] : []
  })
  return pairs.length === names.length ? pairs : null
}

class Proof {
  private readonly functions: ReadonlyMap<string, Graph>

  constructor(model: Model) {
    this.functions = new Map(model.functions.map((f) => [`${f.domain}::${f.name}`, f.body]))
  }

  ofPair(graph: Graph, { input, output }: InPlacePair): string | undefined {
    const [from, to] = [input, output].map(({ type }) => type && formatType(type))
    if (from === undefined || from !== to) return `it is ${from ?? 'untyped'}, the result ${to ?? 'untyped'}`
    return this.hazard(graph, new Set([input]), output)
  }

  /** Why `target` cannot be written over the memory that `seeds` lie in; undefined where it can. */
  private hazard(graph: Graph, seeds: ReadonlySet<Value>, target: Value): string | undefined {
    const writer = target.producer
    if (writer?.graph !== graph)
      return graph.initializers.has(target) ? undefined : `${target.name} is passed on`
    const memory = this.closure(graph, seeds, target)
    const result = graph.outputs.find((v) => v !== target && memory.has(v))
    if (result) return `it is also the result ${result.name}`
    const others = readersOf(memory, graph)
    const itself = others.delete(writer)
    const before = others.size > 0 ? ancestors(writer) : others
    for (const reader of others) {
      if (!before.has(reader)) return `${nameOf(reader)} reads it and need not precede ${nameOf(writer)}`
    }
    return itself ? this.writerHazard(writer, memory, target) : undefined
  }

  /** Why a node that reads the memory cannot write there. */
  private writerHazard(writer: Node, memory: ReadonlySet<Value>, target: Value): string | undefined {
    const moved = [...reads(writer)].find((v) => memory.has(v) && !isInOrder(v))
    if (moved) return `${nameOf(writer)} reads elements of it in another order, as ${moved.name}`
    if (isElementwise(writer) || isCopy(writer)) return undefined
    const bodies = this.bodies(writer, memory)
    if (!bodies) return `${nameOf(writer)} is not known to work in place`
    const index = writer.outputs.indexOf(target)
    for (const { graph, seeds } of bodies) {
      const reason = this.hazard(graph, seeds, graph.outputs[index]!)
      if (reason !== undefined) return reason
    }
    return undefined
  }

  /** The values of a graph that may be the same memory as `seeds`; `target` is what is written there instead. */
  private closure(graph: Graph, seeds: ReadonlySet<Value>, target?: Value): Set<Value> {
    const memory = new Set(seeds)
    for (let size = 0; size < memory.size;) {
      size = memory.size
      for (const node of readersOf(memory, graph))
        for (const v of this.sharing(node, memory)) if (v !== target) memory.add(v)
    }
    return memory
  }

  /** Outputs of a node that may be the memory it reads. */
  private sharing(node: Node, memory: ReadonlySet<Value>): Value[] {
    if (isElementwise(node) ? !hasConstant(node) : node.domain === '' && NEW_RESULTS.has(node.op)) return []
    const bodies = this.bodies(node, memory)
    if (!bodies) return node.outputs.slice()
    const shared = bodies.map(({ graph, seeds }) => ({ graph, values: this.closure(graph, seeds) }))
    return node.outputs.filter((_, i) => shared.some(({ graph, values }) => values.has(graph.outputs[i]!)))
  }

  /** The graphs that compute a node's outputs one to one, with what of the memory they read; null where there are none. */
  private bodies(
    node: Node,
    memory: ReadonlySet<Value>,
  ): { graph: Graph; seeds: ReadonlySet<Value> }[] | null {
    if (node.op === 'If' && node.domain === '') {
      return node.subgraphs.map(([, graph]) => ({ graph, seeds: memory }))
    }
    const body = this.functions.get(node.qualifiedOp)
    if (!body) return null
    const seeds = body.inputs.filter((_, i) => node.inputs[i] && memory.has(node.inputs[i]))
    return [{ graph: body, seeds: new Set(seeds) }]
  }
}

function isElementwise({ op, domain }: Node): boolean {
  return domain === '' && ELEMENTWISE.has(op)
}

function isCopy({ op, domain }: Node): boolean {
  return domain === '' && COPIES.has(op)
}

/** Whether a value that may be the memory has its elements where the memory has them. */
function isInOrder(value: Value): boolean {
  let node = value.producer
  while (node && (isCopy(node) || node.op === 'Cast')) node = node.input(0).producer
  return node === null
}

/** Arithmetic with a constant may be arithmetic without effect, which runtimes remove. */
function hasConstant(node: Node): boolean {
  return node.inputs.some((v) => v && (v.isInitializer || v.producer?.op === 'Constant'))
}

/** The nodes of `graph` that read any of the values, themselves or in graphs below them. */
function readersOf(values: ReadonlySet<Value>, graph: Graph): Set<Node> {
  const readers = new Set<Node>()
  for (const value of values) {
    for (const { user } of value.uses) {
      const node = within(user instanceof Node ? user : user.owner, graph)
      if (node) readers.add(node)
    }
  }
  return readers
}

/** The node of `graph` in which a node lies; undefined where it lies elsewhere. */
function within(node: Node | null, graph: Graph): Node | undefined {
  let at = node
  while (at && at.graph !== graph) at = at.graph?.owner ?? null
  return at ?? undefined
}

/** The nodes of the same graph that a node depends on. */
function ancestors(node: Node): Set<Node> {
  const found = new Set<Node>()
  const open = [node]
  for (let next = open.pop(); next; next = open.pop()) {
    for (const { producer } of reads(next)) {
      if (producer?.graph !== node.graph || found.has(producer)) continue
      found.add(producer)
      open.push(producer)
    }
  }
  return found
}

function nameOf({ op, name }: Node): string {
  return name ? `${op} "${name}"` : op
}
