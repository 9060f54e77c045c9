/** What a residual branch is: attention, cross-attention, MLP, mixture of experts. */
import type { Node, Value } from '../../src/ir.js'
import type { SiteKind } from '../../src/manifest.js'
import { isProduct, multipliesParameter, nestedProducts, type Branch } from './branches.js'
import type { Flow } from './flow.js'
import { boundaryOf } from './region.js'
import { skipChain } from './sums.js'

/** The kind of a branch, from its operators alone. */
export function kindOf(branch: Branch, flow: Flow): SiteKind {
  const region = [...branch.region]
  const boundary = boundaryOf(branch.region, flow)
  if (attends(branch.region, boundary))
    return readsOtherStream(branch, boundary, flow) ? 'cross-attention' : 'attention'
  if (routes(branch.region)) return 'moe'
  const products = region.flatMap((node) => nestedProducts(node, flow)).filter((node) => !isDepthwise(node))
  const plain = products.length > 1 && products.every((node) => !node.op.startsWith('Conv'))
  return plain ? 'mlp' : 'other'
}

/** Whether a convolution leaves channels apart, as those between the layers of an MLP do that tell positions. */
function isDepthwise(node: Node): boolean {
  return node.op === 'Conv' && node.int('group', 1) > 1 && node.input(1).type?.shape?.[1]?.constant === 1
}

const ATTENTION: ReadonlySet<string> = new Set([
  'Attention',
  'GroupQueryAttention',
  'MultiHeadAttention',
  'PackedAttention',
])

/** Attention normalises products of its own inputs; a router normalises products with weights. */
function attends(region: ReadonlySet<Node>, boundary: ReadonlySet<Value>): boolean {
  if ([...region].some((node) => ATTENTION.has(node.op))) return true
  const fed = fedBy(boundary, region)
  const isOwnProduct = (node: Node): boolean =>
    isProduct(node) && node.inputs.filter((v) => v && fed.has(v)).length > 1
  return [...region].some((node) => node.op === 'Softmax' && hasAbove(node, region, isOwnProduct))
}

/** Values of the region that depend on what it reads from outside, not on weights alone. */
function fedBy(boundary: Iterable<Value>, region: ReadonlySet<Node>): Set<Value> {
  const fed = new Set(boundary)
  const pending = [...fed]
  while (pending.length > 0) {
    for (const node of pending.pop()!.users) {
      if (!region.has(node)) continue
      for (const output of node.outputs) {
        if (fed.has(output)) continue
        fed.add(output)
        pending.push(output)
      }
    }
  }
  return fed
}

function hasAbove(node: Node, region: ReadonlySet<Node>, test: (n: Node) => boolean): boolean {
  const seen = new Set<Node>()
  const pending = [node]
  while (pending.length > 0) {
    const next = pending.pop()!
    if (test(next)) return true
    for (const value of next.inputs) {
      const above = value?.producer
      if (!above || !region.has(above) || seen.has(above)) continue
      seen.add(above)
      pending.push(above)
    }
  }
  return false
}

/**
 * Cross-attention projects activations that neither are its residual stream nor come from it. A bias on the scores that
 * comes from outside is no other stream: it meets the own one before any weight.
 */
function readsOtherStream(
  { skip, shared, region }: Branch,
  boundary: ReadonlySet<Value>,
  flow: Flow,
): boolean {
  const chain = new Set(skipChain(skip.value, flow))
  const isOwn = (v: Value): boolean => chain.has(v) || (v.producer !== null && shared.has(v.producer))
  const own = fedBy([...boundary].filter(isOwn), region)
  const other = fedBy(
    [...boundary].filter((v) => !isOwn(v) && flow.activations.has(v)),
    region,
  )
  const projects = (node: Node): boolean => node.inputs.some((v) => v && other.has(v) && !own.has(v))
  return [...region].some((node) => multipliesParameter(node, flow) && projects(node))
}

/** Experts are chosen by the largest router scores. */
function routes(region: ReadonlySet<Node>): boolean {
  for (const node of region) {
    if (node.op === 'TopK') return true
    for (const output of node.outputs) if (output.users.some((user) => user.op === 'TopK')) return true
  }
  return false
}
