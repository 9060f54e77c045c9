/** Decoders that continue from cached keys and values: training starts from an empty cache. */
import { Builder } from '../../src/builder.js'
import { Expr } from '../../src/expr.js'
import { bindInputDims, prepareInitializer } from '../../src/infer.js'
import type { Graph, Model, Value } from '../../src/ir.js'
import type { OpTable } from '../../src/op.js'
import { Tensor } from '../../src/tensor.js'
import { isFloat, type Shape } from '../../src/types.js'

/**
 * Makes the cached length zero: cache inputs become empty tensors, cache outputs go, a mask is as long as the tokens, and a
 * merged decoder takes its branch without cache.
 */
export function dropPast(model: Model, table: OpTable, notes: string[]): void {
  const { graph } = model
  for (const input of graph.inputs.filter((v) => v.name === 'use_cache_branch')) fixFalse(input, graph)
  const caches = graph.inputs.filter((v) => isCache(v.name) && isFloat(v.type?.dtype))
  const lengths = cachedLengths(graph, caches)
  if (lengths.size === 0) return
  const tokens = tokenLength(graph)
  for (const input of graph.inputs) {
    const mask = input.name === 'attention_mask' ? maskLength(graph, input) : undefined
    substitute(input, (atom) => (lengths.has(atom) ? Expr.zero : atom === mask ? tokens : undefined))
  }
  bindInputDims(model)
  const b = new Builder(model, graph, table)
  for (const cache of caches) empty(cache, b)
  graph.setOutputs(graph.outputs.filter((v) => !isPresent(v.name)))
  notes.push(dropNote(caches))
}

function isCache(name: string): boolean {
  return /^past(_|\d|\.|$)|^(key|value)_cache/.test(name)
}

function isPresent(name: string): boolean {
  return /^present(_|\d|\.|$)/.test(name)
}

/** Dimensions of the caches that are no dimension of another input. */
function cachedLengths(graph: Graph, caches: readonly Value[]): Set<string> {
  const lengths = symbolsOf(caches)
  for (const other of symbolsOf(graph.inputs.filter((v) => !caches.includes(v)))) lengths.delete(other)
  return lengths
}

/** Names that are dimensions by themselves, not within an expression. */
function symbolsOf(values: readonly Value[]): Set<string> {
  const dims = values.flatMap((v) => v.type?.shape ?? [])
  return new Set(dims.filter((d) => d.constant === undefined && isSymbol(d)).map(String))
}

function isSymbol(dim: Expr): boolean {
  const [atom, ...others] = dim.atoms()
  return others.length === 0 && String(dim) === atom
}

/** The length of the tokens: the second dimension of the first integer matrix. */
function tokenLength(graph: Graph): Expr | undefined {
  const ids = graph.inputs.find(
    (v) => v.type?.dtype === 'int64' && v.type.shape?.length === 2 && v.name !== 'attention_mask',
  )
  return ids?.type!.shape![1]
}

/** The name of a mask's length, where no other input has it: that of past and present together. */
function maskLength(graph: Graph, mask: Value): string | undefined {
  const dim = mask.type?.shape?.at(-1)
  if (!dim || dim.constant !== undefined || !isSymbol(dim)) return undefined
  return symbolsOf(graph.inputs.filter((v) => v !== mask)).has(String(dim)) ? undefined : String(dim)
}

function substitute(value: Value, replace: (atom: string) => Expr | undefined): void {
  const shape: Shape | undefined = value.type?.shape?.map((d) => d.substitute(replace))
  if (shape) value.type = { ...value.type!, shape }
}

function empty(cache: Value, b: Builder): void {
  const { dtype, shape } = cache.type!
  const value = { type: 'tensor', value: Tensor.of(dtype, [1], [0]) } as const
  cache.replaceAllUsesWith(b.emit('ConstantOfShape', [b.shape(shape!)], { value }, { name: cache.name }))
  b.graph.removeInput(cache)
}

function fixFalse(input: Value, graph: Graph): void {
  const no = graph.addInitializer(input.name, Tensor.scalar('bool', 0))
  prepareInitializer(no)
  input.replaceAllUsesWith(no)
  graph.removeInput(input)
}

function dropNote(caches: readonly Value[]): string {
  const all = caches.length > 1 ? `${caches[0]!.name} and ${caches.length - 1} more` : caches[0]!.name
  return `the cache inputs (${all}) are gone: training starts from an empty cache`
}
