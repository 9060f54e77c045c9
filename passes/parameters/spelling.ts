/** The spelling of the source framework's names, which exports keep in several mutilated forms. */
import type { Graph } from '../../src/ir.js'
import { isFloat } from '../../src/types.js'
import { moduleScope } from '../scopes.js'

/** A name as placeholders of the dynamo exporter have it: lower case, underscores for everything else. */
export function flatten(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '_')
}

/** Names that exporters make up for folded and unnamed constants. */
export function isGenerated(name: string): boolean {
  return /^(val_\d+|onnx::|\/|_)/.test(name)
}

/** Known dotted names and module paths of a graph, by their flattened form. */
export class Spelling {
  private readonly names = new Map<string, string>()
  private readonly scopes = new Map<string, string>()

  constructor(graph: Graph) {
    for (const value of graph.initializers) {
      if (isFloat(value.data?.dtype) && !isGenerated(value.name))
        this.names.set(flatten(value.name), value.name)
    }
    for (const node of graph.nodes) {
      const path = moduleScope(node)?.split('.') ?? []
      for (let n = 1; n <= path.length; n++) {
        const scope = path.slice(0, n).join('.')
        this.scopes.set(flatten(scope), scope)
      }
    }
  }

  /** The dotted name of a placeholder: a known one, else the longest known module path and the rest of the name. */
  restore(placeholder: string): string {
    const known = this.names.get(placeholder)
    if (known !== undefined) return known
    for (let cut = placeholder.lastIndexOf('_'); cut > 0; cut = placeholder.lastIndexOf('_', cut - 1)) {
      const scope = this.scopes.get(placeholder.slice(0, cut))
      if (scope !== undefined) return `${scope}.${placeholder.slice(cut + 1)}`
    }
    return placeholder
  }
}

/** The module part of a dotted parameter name. */
export function moduleOf(name: string): string {
  return name.slice(0, Math.max(0, name.lastIndexOf('.')))
}

/** The last part of a dotted parameter name. */
export function attributeOf(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1)
}
