/** The residual rule: which terms of a sum are branches around which skip. */
import { Node, type Value } from '../../src/ir.js'
import { outermost, withNested } from '../../src/order.js'
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
      flow.usesOf(v).some(({ user }) => user instanceof Node && shared.has(outermost(user))),
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
  'MatMulNBits',
])

/** Whether a node is a product, of whatever operands. */
export function isProduct(node: Node): boolean {
  return PRODUCTS.has(node.op)
}

/** Whether a node is a product one of whose operands comes from parameters alone, or is a quantised weight. */
export function multipliesParameter(node: Node, flow: Flow): boolean {
  if (node.subgraphs.length > 0) return nestedProducts(node, flow).length > 0
  if (node.op === 'MatMulNBits') return true
  return isProduct(node) && node.inputs.some((v) => v !== null && (isParametric(v, flow) || isQuantised(v)))
}

/** Products with parameters in the nested graphs of a node. */
export function nestedProducts(node: Node, flow: Flow): Node[] {
  return withNested(node).filter((n) => n.subgraphs.length === 0 && multipliesParameter(n, flow))
}

/** Whether a value comes from parameters alone; in a nested graph, by way of its nodes. */
function isParametric(value: Value, flow: Flow): boolean {
  const node = value.producer
  if (!node || node.graph === flow.graph || node.subgraphs.length > 0) return flow.isParametric(value)
  const operands = node.inputs.filter((v) => v !== null)
  return (
    operands.some((v) => isParametric(v, flow)) &&
    operands.every((v) => v.isInitializer || isParametric(v, flow))
  )
}

/** Whether a value is made of integer weights, which are not parameters but what a branch multiplies by all the same. */
function isQuantised(value: Value): boolean {
  const { producer } = value
  if (producer?.op === 'Transpose' || producer?.op === 'Cast') return isQuantised(producer.input(0))
  return producer?.op === 'DequantizeLinear' && producer.input(0).isInitializer
}
