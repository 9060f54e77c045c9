/** Where a node lies in the source framework's module tree. */
import type { Node } from '../src/ir.js'

const NAME_SCOPES = 'pkg.torch.onnx.name_scopes'
const FX_NODE = 'pkg.torch.onnx.fx_node'

/**
 * The dotted paths of the modules that a node was exported from, outermost first, `''` for the root; empty where the export
 * does not tell. The dynamo exporter keeps them in metadata, TorchScript in node names (`/net/h.0/attn/MatMul`).
 */
export function moduleChain(node: Node): string[] {
  const scopes = node.metadata.get(NAME_SCOPES)
  if (scopes !== undefined) return chainFromMetadata(scopes)
  return node.name.startsWith('/') ? chainFromPath(node.name) : []
}

/** The innermost module that a node was exported from; undefined where the export does not tell. */
export function moduleScope(node: Node): string | undefined {
  return moduleChain(node).at(-1)
}

/** `['', 'h.0', 'h.0.attn', 'matmul']`: paths of ever deeper modules, then the operation. */
function chainFromMetadata(text: string): string[] {
  const scopes = [...text.matchAll(/'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"/g)].map((m) => m[1] ?? m[2] ?? '')
  return scopes[0]?.startsWith('_empty_nn_module_stack') ? [] : scopes.slice(0, -1)
}

function chainFromPath(name: string): string[] {
  const path: string[] = []
  const chain = ['']
  for (const part of name.split('/').slice(1, -1)) {
    // A child of a called container repeats its name: /mlp/mlp.0/MatMul.
    if (path.length > 0 && part.startsWith(`${path.at(-1)}.`)) path.pop()
    path.push(part)
    chain.push(path.join('.'))
  }
  return chain
}

/** Says that a node lies in a module. */
export function setModuleScope(node: Node, scope: string): void {
  const path = pathOf(scope)
  const chain = path.map((_, i) => `'${path.slice(0, i + 1).join('.')}'`)
  node.metadata.set(NAME_SCOPES, `['', ${chain.join(', ')}, '${node.op}']`)
}

/** A lifted weight among the arguments of the traced call that a node comes from. */
export interface Placeholder {
  readonly kind: 'parameter' | 'buffer' | 'constant'
  /** The framework's name in lower case, with underscores for dots. */
  readonly name: string
}

const KINDS = { p: 'parameter', b: 'buffer', c: 'constant' } as const

/** Placeholders that a dynamo export names for a node; undefined where it keeps no traced call. */
export function placeholders(node: Node): Placeholder[] | undefined {
  const call = node.metadata.get(FX_NODE)
  if (call === undefined) return undefined
  return [...call.matchAll(/%([pbc])_(\w+)/g)].map((m) => ({
    kind: KINDS[m[1] as 'p' | 'b' | 'c'],
    name: m[2]!,
  }))
}

/** How many values the traced call of a node takes; undefined where the export keeps no traced call. */
export function argumentCount(node: Node): number | undefined {
  const args = node.metadata.get(FX_NODE)?.match(/args = (.*)$/s)?.[1]
  return args === undefined ? undefined : [...args.matchAll(/%\w+/g)].length
}

/** Parts of a dotted path. */
export function pathOf(scope: string): string[] {
  return scope === '' ? [] : scope.split('.')
}

/** The longest path that two dotted paths share. */
export function commonScope(a: string, b: string): string {
  const [x, y] = [pathOf(a), pathOf(b)]
  let n = 0
  while (n < x.length && x[n] === y[n]) n++
  return x.slice(0, n).join('.')
}

/** Whether a module lies in another, or is it. */
export function isWithin(scope: string, outer: string): boolean {
  return outer === '' || scope === outer || scope.startsWith(`${outer}.`)
}
