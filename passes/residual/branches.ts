/** The residual rule: which terms of a sum are branches around which skip. */
import { Node } from '../../src/ir.js'
import type { Flow } from './flow.js'
import { differentiableRegion } from './region.js'
import { skipChain, type ResidualSum, type Term } from './sums.js'

/** A term that is computed from the skip it is added to. */
export interface Branch {
  readonly term: Term
  /** Nodes that serve this term alone. */
  readonly region: ReadonlySet<Node>
  /** Nodes that serve the branches of this sum together: a normalisation that they share. */
  readonly shared: ReadonlySet<Node>
  readonly skip: Term
}

/** The branches of a sum, or why it has none. */
export function branchesOf({ terms }: ResidualSum, flow: Flow): Branch[] | string {
  const found = findSkip(terms, flow)
  if (!found) return 'no operand is read by what computes the others'
  const { skip, shared } = found
  const branches = terms
    .filter((term) => term !== skip)
    .map((term) => ({ term, region: differentiableRegion(flow, [term.value]), shared, skip }))
    .filter(({ region }) => [...region].some((node) => multipliesParameter(node, flow)))
  return branches.length > 0 ? branches : 'what is added to the skip has no product with a parameter'
}

function findSkip(terms: readonly Term[], flow: Flow): { skip: Term; shared: ReadonlySet<Node> } | undefined {
  for (const skip of terms) {
    const read = skipChain(skip.value, flow).filter((v) => flow.usesOf(v).length > 1)
    if (read.length === 0) continue
    const others = terms.filter((term) => term !== skip).map((term) => term.value)
    const shared = differentiableRegion(flow, others)
    const isRead = read.some((v) =>
      flow.usesOf(v).some(({ user }) => user instanceof Node && shared.has(user)),
    )
    if (isRead) return { skip, shared }
  }
  return undefined
}

const PRODUCTS: ReadonlySet<string> = new Set([
  'Conv',
  'ConvTranspose',
  'Einsum',
  'FusedGemm',
  'FusedMatMul',
  'Gemm',
  'MatMul',
])

/** Whether a node is a product, of whatever operands. */
export function isProduct(node: Node): boolean {
  return PRODUCTS.has(node.op)
}

/** Whether a node is a product one of whose operands comes from parameters alone. */
export function multipliesParameter(node: Node, flow: Flow): boolean {
  return isProduct(node) && node.inputs.some((v) => v !== null && flow.isParametric(v))
}
