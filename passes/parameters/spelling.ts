/** The spelling of the source framework's names, which exports keep in several mutilated forms. */
import type { Graph } from '../../src/ir.js'
import { isFloat } from '../../src/types.js'
import { moduleScope, pathOf } from '../scopes.js'

/** A name as placeholders of the dynamo exporter have it: lower case, underscores for everything else. */
export function flatten(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '_')
}

/** Names that exporters make up for folded and unnamed constants. */
export function isGenerated(name: string): boolean {
  return /^(val_\d+|\d+$|onnx::|\/|_)/.test(name)
}

/** A name with every number taken for any number. */
function pattern(name: string): string {
  return name.replace(/\d+/g, '#')
}

/** Known dotted names and module paths of a graph, by their flattened form. */
export class Spelling {
  private readonly names = new Map<string, string>()
  /** Names that stand for their like in other layers. */
  private readonly patterns = new Map<string, string>()
  private readonly scopes = new Map<string, string>()

  constructor(graph: Graph) {
    for (const value of graph.initializers) {
      if (!isFloat(value.data?.dtype) || isGenerated(value.name)) continue
      const flat = flatten(value.name)
      this.names.set(flat, value.name)
      this.patterns.set(pattern(flat), value.name)
      if (value.name.includes('.')) this.addScope(moduleOf(value.name))
    }
    for (const node of graph.nodes) this.addScope(moduleScope(node) ?? '')
  }

  /** Enters a module and those around it. */
  private addScope(module: string): void {
    const path = module.split('.')
    for (let n = 1; n <= path.length; n++) {
      const scope = path.slice(0, n).join('.')
      this.scopes.set(flatten(scope), scope)
    }
  }

  /**
   * The dotted name of a placeholder: a known one, one of its like in another layer, else the longest known module path and
   * the rest of the name.
   */
  restore(placeholder: string): string {
    const known = this.names.get(placeholder)
    if (known !== undefined) return known
    const like = this.patterns.get(pattern(placeholder))
    if (like !== undefined) return withNumbersOf(like, placeholder)
    for (let cut = placeholder.lastIndexOf('_'); cut > 0; cut = placeholder.lastIndexOf('_', cut - 1)) {
      const scope = this.scopes.get(placeholder.slice(0, cut))
      if (scope !== undefined) return `${scope}.${placeholder.slice(cut + 1)}`
    }
    return placeholder
  }
}

function withNumbersOf(name: string, other: string): string {
  const numbers = other.match(/\d+/g) ?? []
  let i = 0
  return name.replace(/\d+/g, () => numbers[i++]!)
}

/**
 * What `name` is called in the module `scope`: itself where it lies in it, its like where both lie in layers of other
 * numbers (`l.0.fc.bias` in `l.1` is `l.1.fc.bias`), else undefined.
 */
export function nameWithin(name: string, scope: string): string | undefined {
  const path = name.split('.')
  const outer = pathOf(scope)
  const fits = outer.length < path.length && outer.every((part, i) => pattern(part) === pattern(path[i]!))
  return fits ? [...outer, ...path.slice(outer.length)].join('.') : undefined
}

/** The module part of a dotted parameter name. */
export function moduleOf(name: string): string {
  return name.slice(0, Math.max(0, name.lastIndexOf('.')))
}

/** The last part of a dotted parameter name. */
export function attributeOf(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1)
}
