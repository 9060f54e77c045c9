/** Modules that TorchScript's node names lack: those that are never called, only reached through. */
import type { Graph } from '../../src/ir.js'
import { isWithin, moduleScope, pathOf, setModuleScope } from '../scopes.js'
import { isGenerated, moduleOf } from './spelling.js'

/** A path in node names, and the module that it stands for. */
type Paths = ReadonlyMap<string, string>

/**
 * Completes module paths by the names of the weights that are read there: where `/net/decoder/fc/Add` reads
 * `net.model.decoder.fc.bias`, everything in `net.decoder` lies in `net.model.decoder`.
 */
export function restoreContainers(graph: Graph): void {
  const complete = findContainers(graph)
  if (complete.size === 0) return
  for (const node of graph.nodes) {
    const scope = moduleScope(node)
    if (scope === undefined) continue
    for (const [short, full] of complete)
      if (isWithin(scope, short)) setModuleScope(node, full + scope.slice(short.length))
  }
}

function findContainers(graph: Graph): Paths {
  const found = new Map<string, string>()
  const right = new Set<string>()
  for (const node of graph.nodes) {
    const scope = moduleScope(node)
    if (!scope) continue
    for (const value of node.inputs) {
      if (!value?.isInitializer || isGenerated(value.name) || !value.name.includes('.')) continue
      const module = moduleOf(value.name)
      if (isWithin(module, scope)) right.add(scope)
      const [short, full] = insertion(pathOf(scope), pathOf(module)) ?? []
      if (short && full) found.set(short, found.has(short) && found.get(short) !== full ? '' : full)
    }
  }
  for (const [short, full] of found)
    if (full === '' || [...right].some((scope) => isWithin(scope, short))) found.delete(short)
  return found
}

/** Where `module` is `scope` with parts put in at one place, up to the part after it; two parts at least follow. */
function insertion(scope: readonly string[], module: readonly string[]): [string, string] | undefined {
  let same = 0
  while (same < scope.length && scope.at(-1 - same) === module.at(-1 - same)) same++
  const [head, whole] = [scope.length - same, module.length - same]
  const isInserted = same > 1 && whole > head && scope.slice(0, head).every((part, i) => part === module[i])
  return isInserted ? [scope.slice(0, head + 1).join('.'), module.slice(0, whole + 1).join('.')] : undefined
}
