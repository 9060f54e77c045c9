/** What one reading of an initializer tells about the initializer's name. */
import type { Graph, Node, Value } from '../../src/ir.js'
import { argumentCount, isWithin, moduleScope, placeholders, type Placeholder } from '../scopes.js'
import { nameOfWidened } from './reshaped.js'
import { attributeOf, flatten, isGenerated, moduleOf, nameWithin, type Spelling } from './spelling.js'
import type { Claim, Reading } from './weight.js'

/** What an operand is to its operator. */
type Role = 'weight' | 'bias' | 'running_mean' | 'running_var'

const ROLES: Readonly<Record<string, readonly (Role | undefined)[]>> = {
  Add: ['bias', 'bias'],
  BatchNormalization: [undefined, 'weight', 'bias', 'running_mean', 'running_var'],
  Conv: [undefined, 'weight', 'bias'],
  ConvTranspose: [undefined, 'weight', 'bias'],
  Gather: ['weight'],
  GatherND: ['weight'],
  Gemm: [undefined, 'weight', 'bias'],
  GroupNormalization: [undefined, 'weight', 'bias'],
  LayerNormalization: [undefined, 'weight', 'bias'],
  MatMul: [undefined, 'weight'],
  Mul: ['weight', 'weight'],
  RMSNormalization: [undefined, 'weight'],
  SimplifiedLayerNormalization: [undefined, 'weight'],
}

function roleOf({ node, index }: Reading): Role | undefined {
  return ROLES[node.op]?.[index]
}

/** Reads names off the places that initializers are read at. */
export class ClaimReader {
  private readonly hasCalls: boolean

  constructor(
    graph: Graph,
    private readonly spelling: Spelling,
    private readonly isPyTorch: boolean,
  ) {
    this.hasCalls = [...graph.nodes].some((node) => placeholders(node) !== undefined)
  }

  /** The initializer's own name, where the exporter kept the framework's. */
  ownName(value: Value): string | undefined {
    if (!this.isPyTorch) return value.name
    if (isGenerated(value.name)) return undefined
    if (!this.hasCalls || value.name.includes('.')) return value.name
    const flat = flatten(value.name)
    const named = value.users.some((node) => placeholders(node)?.some((p) => p.name === flat))
    return named ? value.name : undefined
  }

  claim(value: Value, reading: Reading, own: string | undefined): Claim | undefined {
    if (!this.isPyTorch) return undefined
    return this.fromCall(value, reading, own) ?? this.fromPlace(value, reading, own)
  }

  /** The traced call names its weights: `linear(%x, %p_h_0_proj_weight, %p_h_0_proj_bias)`. */
  private fromCall(value: Value, reading: Reading, own: string | undefined): Claim | undefined {
    const named = placeholders(reading.node)?.filter((p) => p.kind !== 'constant')
    if (!named || named.length === 0) return undefined
    const flat = own === undefined ? undefined : flatten(own)
    const itself = named.find((p) => p.name === flat)
    if (itself) return { name: own!, isBuffer: itself.kind === 'buffer', exact: true }
    if (value.data!.size === 1 && value.data!.shape.length === 0) return undefined
    const chosen = pick(named, roleOf(reading))
    return (
      chosen && { name: this.spelling.restore(chosen.name), isBuffer: chosen.kind === 'buffer', exact: true }
    )
  }

  /** A weight or bias of the module that the reader lies in. */
  private fromPlace(value: Value, reading: Reading, own: string | undefined): Claim | undefined {
    const role = roleOf(reading)
    const scope = moduleScope(reading.node)
    const widened = own === undefined && scope !== undefined && nameOfWidened(value, reading, scope)
    if (widened) return { name: widened, isBuffer: false, exact: false }
    if (isUnweighted(reading)) return undefined
    if (scope === undefined || !role || !fits(value, reading, role) || !(own || isOperand(reading, scope)))
      return undefined
    const name =
      likeOwn(own, role, scope) ??
      weightOfBias(reading, role, scope) ??
      (scope === '' ? role : `${scope}.${role}`)
    return { name, isBuffer: role.startsWith('running'), exact: false }
  }
}

/** The placeholder that fits an operand's role, where exactly one does. */
function pick(named: readonly Placeholder[], role: Role | undefined): Placeholder | undefined {
  const isBias = (p: Placeholder) => p.name.endsWith('bias')
  const fitting = named.filter((p) => {
    if (role === 'bias') return isBias(p)
    if (role === 'weight') return !isBias(p) && p.kind === 'parameter'
    return role !== undefined && p.name.endsWith(role)
  })
  if (fitting.length === 1) return fitting[0]
  const other = role === 'weight' ? 'bias' : 'weight'
  return fitting.length === 0 && named.length === 1 && role && !named[0]!.name.endsWith(other)
    ? named[0]
    : undefined
}

/** The own name where the weight's module lies here, or that of its like in this layer. */
function likeOwn(own: string | undefined, role: Role, scope: string): string | undefined {
  if (own === undefined || isWithin(moduleOf(own), scope)) return own
  return own.endsWith(role) ? nameWithin(own, scope) : undefined
}

/** Whether an operand looks like its role: matrices are multiplied or looked up, vectors scale and shift. */
function fits(value: Value, { node }: Reading, role: Role): boolean {
  const { shape, size } = value.data!
  const isVector = size > 1 && Math.max(...shape) === size
  if (node.op === 'MatMul' || node.op.startsWith('Gather')) return shape.length > 1
  if (node.op === 'Mul' || node.op === 'Add') return isVector
  return isVector || role === 'weight'
}

/** Whether an initializer that has no name of its own is a weight here: vectors are where a normalisation scales. */
function isOperand({ node }: Reading, scope: string): boolean {
  return (node.op !== 'Mul' && node.op !== 'Add') || isNorm(scope)
}

function isNorm(scope: string): boolean {
  return /norm|(^|[._])ln([._]|\d|$)/i.test(attributeOf(scope))
}

/** A normalisation without weights, for which the exporter writes a factor of ones: its call has but one argument. */
function isUnweighted({ node }: Reading): boolean {
  return node.op.endsWith('Normalization') && argumentCount(node) === 1
}

/** A product whose bias is named has its weight beside it: `attn.in_proj_bias` tells `attn.in_proj_weight`. */
function weightOfBias({ node }: Reading, role: Role, scope: string): string | undefined {
  if (role !== 'weight' || !/^(MatMul|Gemm|Conv)/.test(node.op)) return undefined
  const bias = biasOf(node)
  if (!bias?.isInitializer || bias.data!.shape.length !== 1) return undefined
  if (isGenerated(bias.name) || !bias.name.endsWith('bias')) return undefined
  return nameWithin(bias.name, scope)?.replace(/bias$/, 'weight')
}

/** The bias that is added to a product. */
export function biasOf(product: Node): Value | null | undefined {
  if (product.op !== 'MatMul') return product.inputs[2]
  const [sum] = product.output().users
  return sum?.op === 'Add' ? sum.inputs.find((v) => v?.isInitializer) : undefined
}
