/** Names and layer numbers of sites. */
import type { Node } from '../../src/ir.js'
import type { SiteKind } from '../../src/manifest.js'
import { commonScope, isWithin, moduleChain, moduleScope, pathOf } from '../scopes.js'

/** A branch that is to be named. */
export interface Unnamed {
  readonly kind: SiteKind
  /** The addition that reads the branch. */
  readonly sum: Node
  /** Nodes of the branch, the last one first; those that multiply parameters before others. */
  readonly nodes: readonly Node[]
}

/** A site's name and its block's number. */
export interface Label {
  readonly name: string
  readonly layer: number
}

/** Labels branches in execution order. A module that is applied again gets `#2`, `#3`, … */
export function labelBranches(branches: readonly Unnamed[]): Label[] {
  const modules = branches.map(moduleOfBranch)
  const layers = numberLayers(branches, modules)
  const used = new Map<string, number>()
  return branches.map(({ kind }, i) => {
    const base = modules[i] ?? `layer.${layers[i]}.${kind}`
    const count = (used.get(base) ?? 0) + 1
    used.set(base, count)
    return { name: count === 1 ? base : `${base}#${count}`, layer: layers[i]! }
  })
}

/** The module below that of the sum which holds the branch's last product; undefined where the export does not tell. */
function moduleOfBranch({ sum, nodes, kind }: Unnamed): string | undefined {
  const chain = nodes.map(moduleChain).find((c) => c.length > 0)
  if (!chain) return undefined
  const deepest = chain.at(-1)!
  const outer = commonScope(moduleScope(sum) ?? deepest, deepest)
  const inner = chain.find((scope) => scope !== outer && isWithin(scope, outer))
  return inner ?? (outer ? `${outer}.${kind}` : kind)
}

/** Blocks of a stack, counted as they come. */
interface Stack {
  layer: number
  block: string
  seen: Set<string>
}

function numberLayers(branches: readonly Unnamed[], modules: readonly (string | undefined)[]): number[] {
  const blocks = findBlocks(modules)
  const stacks = new Map<string, Stack>()
  return branches.map(({ kind }, i) => {
    const block = blocks[i] ?? ''
    const key = block.replace(/\d+/g, '#')
    const stack = stacks.get(key) ?? { layer: -1, block: '', seen: new Set() }
    stacks.set(key, stack)
    const what = modules[i] ?? kind
    if (stack.layer < 0 || stack.block !== block || stack.seen.has(what)) {
      stack.layer++
      stack.block = block
      stack.seen = new Set()
    }
    stack.seen.add(what)
    return stack.layer
  })
}

/** The numbered module that is each branch's block: the innermost that holds several branches, else the outermost. */
function findBlocks(modules: readonly (string | undefined)[]): (string | undefined)[] {
  const prefixes = modules.map((m) => (m === undefined ? [] : numberedPrefixes(m)))
  const counts = new Map<string, number>()
  for (const list of prefixes) for (const p of list) counts.set(p, (counts.get(p) ?? 0) + 1)
  return prefixes.map((list) => list.findLast((p) => counts.get(p)! > 1) ?? list[0])
}

/** Prefixes of a path that end in a number, outermost first. */
function numberedPrefixes(module: string): string[] {
  const path = pathOf(module)
  return path.flatMap((part, i) => (/^\d+$/.test(part) ? [path.slice(0, i + 1).join('.')] : []))
}
