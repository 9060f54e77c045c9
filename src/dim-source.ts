/** Where a symbolic dimension can be read at run time. */
import { CompileError } from './errors.js'
import type { Graph, Model, Value } from './ir.js'
import { homeOf, isVisible } from './order.js'

/** Axis `axis` of a value is the dimension. */
export interface DimSource {
  readonly value: Value
  readonly axis: number
}

/**
 * A place in scope of `graph` where the dimension can be read; one that a pass has removed or moved into a branch gives way
 * to another value of the main graph with that dimension.
 * @throws CompileError `unbound-dimension`
 */
export function dimSource(model: Model, name: string, graph: Graph): DimSource {
  const first = model.dimSources.get(name)
  if (first && isVisible(first.value, graph)) return first
  const other = findDim(model.graph, name)
  if (other) {
    model.dimSources.set(name, other)
    return other
  }
  // Somewhere below, where whoever asked may know better than to read it.
  if (first && homeOf(first.value)) return first
  throw new CompileError(
    'unbound-dimension',
    `the dimension "${name}" is needed where nothing has it any more; export the model with static shapes, or with this ` +
      'dimension as one of its inputs',
  )
}

/** Whether a dimension's known place is in scope of `graph`. */
export function isReadable(model: Model, name: string, graph: Graph): boolean {
  const source = model.dimSources.get(name)
  return source !== undefined && isVisible(source.value, graph)
}

function findDim(graph: Graph, name: string): DimSource | undefined {
  const values = [...graph.inputs, ...[...graph.nodes].flatMap((n) => n.outputs)]
  for (const value of values) {
    const axis = value.type?.shape?.findIndex((d) => String(d) === name) ?? -1
    if (axis >= 0) return { value, axis }
  }
  return undefined
}
