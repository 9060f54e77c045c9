/** Checks nodes against their operators' signatures, so that rules need not. */
import type { Node } from '../ir.js'
import { invalid } from '../op.js'
import type { DType } from '../types.js'
import { isDeclared, signatureOf, type Formal, type Signature } from './signature.js'

/**
 * Checks the numbers of operands and results, and the attributes of a node. Operators that nobody has declared pass.
 * @param opset that the node is written in
 * @throws CompileError `invalid-node`
 */
export function checkForm(node: Node, opset: number): void {
  const signature = signatureOf(node.qualifiedOp, opset)
  if (!signature && isDeclared(node.qualifiedOp))
    throw invalid(node, `an operator of opset ${opset}`, 'one that came later')
  if (!signature) return
  checkCount(node, 'input', node.inputs.length, signature.inputs)
  checkPresence(node, signature)
  checkCount(node, 'output', node.outputs.length, signature.outputs)
  if (node.outputs.length < signature.leastOutputs)
    throw invalid(node, `${signature.leastOutputs} outputs`, String(node.outputs.length))
  checkAttributes(node, signature)
}

/**
 * Checks the element types of a node's operands, as far as they are known.
 * @throws CompileError `invalid-node`
 */
export function checkTypes(node: Node, opset: number): void {
  const signature = signatureOf(node.qualifiedOp, opset)
  if (!signature) return
  const bound = new Map<string, DType>()
  for (const [i, value] of node.inputs.entries()) {
    const dtype = value?.type?.dtype
    const formal = signature.inputs[Math.min(i, signature.inputs.length - 1)]
    if (!dtype || !formal) continue
    const what = `input ${i} ("${value.name}")`
    if (!formal.types.has(dtype)) throw invalid(node, `${what} of type ${listed(formal)}`, dtype)
    if (formal.variable === undefined) continue
    const other = bound.get(formal.variable)
    if (other !== undefined && other !== dtype)
      throw invalid(node, `${what} of type ${other}, as another input has`, dtype)
    bound.set(formal.variable, dtype)
  }
}

function listed({ types }: Formal): string {
  return [...types].join(' or ')
}

function checkCount(node: Node, what: string, count: number, formals: readonly Formal[]): void {
  if (count > formals.length && formals.at(-1)?.presence !== 'repeated')
    throw invalid(node, `at most ${formals.length} ${what}s`, String(count))
}

function checkPresence(node: Node, { inputs: formals, leastInputs }: Signature): void {
  for (let i = 0; i < Math.max(leastInputs, node.inputs.length); i++) {
    const { presence } = formals[Math.min(i, formals.length - 1)]!
    const mayLack = presence === 'optional' || (presence === 'required' && i >= leastInputs)
    if (!node.inputs[i] && !mayLack) throw invalid(node, `an input ${i}`, 'none')
  }
}

/** `Cast` named its type before opset 6, and some writers of later models still do. */
function checkAttributes(node: Node, { attributes }: Signature): void {
  for (const [name, { kind, required }] of attributes) {
    const got = node.attributes.get(name)
    if (!got && required) throw invalid(node, `the attribute "${name}"`, 'none')
    if (got && !fits(got.type, kind) && !(node.op === 'Cast' && got.type === 'string'))
      throw invalid(
        node,
        `the attribute "${name}" as ${kind}`,
        got.type === 'raw' ? 'another kind' : got.type,
      )
  }
  for (const name of node.attributes.keys())
    if (!attributes.has(name) && !name.startsWith('_'))
      throw invalid(node, `no attribute "${name}"`, 'one, which this operator does not have')
}

function fits(got: string, kind: string): boolean {
  return got === kind || kind === 'raw' || (kind === 'float' && got === 'int')
}
