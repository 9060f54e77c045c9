/** Names and layer numbers of sites. */
import type { Node } from '../../src/ir.js'
import type { SiteKind } from '../../src/manifest.js'
import { moduleOf } from '../parameters/spelling.js'
import { commonScope, isWithin, moduleChain, moduleScope, pathOf } from '../scopes.js'
import { isProduct } from './branches.js'

/** A branch that is to be named. */
export interface Unnamed {
  readonly kind: SiteKind
  /** The addition that reads the branch. */
  readonly sum: Node
  /** Nodes of the branch, the last one first; those that multiply parameters before others. */
  readonly nodes: readonly Node[]
}

/** A site's name, its block's number, and the name that the blocks of its stack share. */
export interface Label {
  readonly name: string
  readonly layer: number
  readonly stack: string
}

/** Labels branches in execution order. A module that is applied again gets `#2`, `#3`, … */
export function labelBranches(branches: readonly Unnamed[]): Label[] {
  const calls = new Calls(branches)
  const modules = branches.map((branch) => moduleOfBranch(branch, calls))
  const blocks = findBlocks(modules)
  const stacks = blocks.map((block) => (block ?? '').replace(/\d+/g, '#'))
  const layers = numberLayers(branches, modules, blocks, stacks)
  const used = new Map<string, number>()
  return branches.map(({ kind }, i) => {
    const base = modules[i] ?? `layer.${layers[i]}.${kind}`
    const count = (used.get(base) ?? 0) + 1
    used.set(base, count)
    return { name: count === 1 ? base : `${base}#${count}`, layer: layers[i]!, stack: stacks[i]! }
  })
}

/** The module below that of the sum which holds the branch's last product; undefined where the export does not tell. */
function moduleOfBranch({ sum, nodes, kind }: Unnamed, calls: Calls): string | undefined {
  const chain = nodes
    .map(chainOf)
    .find((c) => c.length > 0)
    ?.map((scope) => calls.module(scope))
  if (!chain) return undefined
  const deepest = chain.at(-1)!
  const around = moduleScope(sum)
  if (around === undefined) return moduleOfWeights(nodes) ?? deepest
  const outer = commonScope(calls.module(around), deepest)
  const inner = chain.find((scope) => scope !== outer && isWithin(scope, outer))
  return inner ?? (outer ? `${outer}.${kind}` : kind)
}

/** Modules that are called several times: TorchScript numbers the further calls, in `attention.dense_1` or `attention_1`. */
class Calls {
  private readonly scopes: ReadonlySet<string>
  /** Modules that have weights of their own by this name. */
  private readonly owners: ReadonlySet<string>

  constructor(branches: readonly Unnamed[]) {
    const nodes = branches.flatMap(({ sum, nodes }) => [sum, ...nodes])
    this.scopes = new Set(nodes.flatMap(moduleChain))
    const weights = nodes.flatMap((node) =>
      node.inputs.filter((v) => v?.isInitializer && v.name.includes('.')),
    )
    this.owners = new Set(weights.flatMap((v) => outwards(moduleOf(v!.name))))
  }

  /** The module that a scope is a call of. */
  module(scope: string): string {
    return pathOf(scope).reduce((path, part) => {
      const at = (name: string): string => (path ? `${path}.${name}` : name)
      const called = at(part.replace(/_\d+$/, ''))
      return this.scopes.has(called) && !this.owners.has(at(part)) ? called : at(part)
    }, '')
  }
}

/** A path and all that it lies in. */
function outwards(path: string): string[] {
  return pathOf(path).map((_, i, parts) => parts.slice(0, i + 1).join('.'))
}

/** The modules that a node lies in: its own scopes, or those of the weight that it multiplies by. */
function chainOf(node: Node): string[] {
  const chain = moduleChain(node)
  if (chain.length > 0) return chain
  return outwards(moduleOfWeight(node) ?? '')
}

/** The module that holds all weights of a branch, unless it is a whole block. */
function moduleOfWeights(nodes: readonly Node[]): string | undefined {
  const modules = nodes.flatMap((node) => moduleOfWeight(node) ?? [])
  if (modules.length === 0) return undefined
  const common = modules.reduce(commonScope)
  return common === '' || /(^|\.)\d+$/.test(common) ? undefined : common
}

/** The module of the weight of a product, which a copy in another layout or type may stand for. */
function moduleOfWeight(node: Node): string | undefined {
  if (!isProduct(node)) return undefined
  for (const value of node.inputs) {
    const weight = value?.producer && COPIES.has(value.producer.op) ? value.producer.input(0) : value
    if (weight?.isInitializer && weight.name.includes('.')) return moduleOf(weight.name)
  }
  return undefined
}

const COPIES: ReadonlySet<string> = new Set(['Cast', 'DequantizeLinear', 'Transpose'])

/** Blocks of a stack, counted as they come. */
interface Stack {
  layer: number
  block: string
  seen: Set<string>
}

function numberLayers(
  branches: readonly Unnamed[],
  modules: readonly (string | undefined)[],
  blocks: readonly (string | undefined)[],
  names: readonly string[],
): number[] {
  const stacks = new Map<string, Stack>()
  return branches.map(({ kind }, i) => {
    const block = blocks[i] ?? ''
    const stack = stacks.get(names[i]!) ?? { layer: -1, block: '', seen: new Set() }
    stacks.set(names[i]!, stack)
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
