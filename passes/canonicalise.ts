/** Brings a model into the one form that rules see. */
import { Builder } from '../src/builder.js'
import { Problems } from '../src/errors.js'
import { bindInputDims, inferNode, prepareInitializer } from '../src/infer.js'
import { constantNumber } from '../src/draws.js'
import type { Graph, Model, Node, Value } from '../src/ir.js'
import { runRule, type OpTable } from '../src/op.js'
import { DOMAIN } from '../src/ops/dropbp.js'
import { allGraphs, reads, removeDeadNodes, topologicalOrder, withNested } from '../src/order.js'
import { checkForm, checkTypes } from '../src/signatures/check.js'
import { plainBatches } from './canonical/batch-transpositions.js'
import { inlineKnownIf, knownScalar } from './canonical/branches.js'
import { constantToInitializer, initializersToMain, noteSourceInitializers } from './canonical/constants.js'
import { inlineFunctions } from './canonical/functions.js'
import { checkOpset, liftNode } from './canonical/opset.js'
import { fuseQuantization } from './canonical/quantized.js'
import { dropPast } from './canonical/past.js'
import { nameRecurrentWeights } from './canonical/recurrent.js'
import { inheritFrom, replaceOutput, replaceOutputOrCopy } from './canonical/replace.js'
import { expandSequenceMap } from './canonical/sequence-map.js'
import { stackLists } from './canonical/stacked-lists.js'
import { Unrolling } from './canonical/unroll.js'
import type { Pass } from './pass.js'

/** The opset whose operator forms rules see; newer models keep theirs. */
const CANONICAL_OPSET = 20
const CANONICAL_IR = 10

export const canonicalise: Pass = {
  name: 'canonicalise',
  purpose: 'Brings the model into the one form that rules see, whatever exporter and opset it comes from.',
  needs: 'a model as it was read',
  leaves:
    'opset 20 to 26; no Constant, Identity or inference-mode Dropout nodes, no If with a known condition, no calls of functions but those of com.dropbp; fused operators without a gradient rule in their parts',
  run({ model, table, notes }) {
    const source = model.opset
    // A model may have operators of other domains only.
    if (model.opsets.has('')) checkOpset(source)
    noteSourceInitializers(model)
    const versions = inlineFunctions(model)
    initializersToMain(model)
    dropPast(model, table, notes)
    bindInputDims(model)
    checkForms(model, (node) => versions.get(node) ?? source)
    new Canonicaliser(model, table, source, versions, notes).visit(model.graph)
    removeDeadNodes(model.graph)
    model.opsets.set('', Math.max(CANONICAL_OPSET, source))
    model.irVersion = Math.max(CANONICAL_IR, model.irVersion)
  },
}

/** @throws CompileError `invalid-node`, naming all nodes that are not what their operators' signatures say */
function checkForms({ graph }: Model, versionOf: (node: Node) => number): void {
  const problems = new Problems()
  for (const inner of allGraphs(graph))
    for (const node of inner.nodes) problems.attempt(() => checkForm(node, versionOf(node)))
  problems.throwAny()
}

/** Walks graphs forward, so that types are at hand where a rewrite asks for them. */
class Canonicaliser {
  private readonly unrollings = new Map<Node, Unrolling | undefined>()

  constructor(
    private readonly model: Model,
    private readonly table: OpTable,
    private readonly source: number,
    /** Opsets of nodes that are not written in the source's. */
    private readonly versions: Map<Node, number>,
    private readonly notes: string[],
  ) {}

  visit(graph: Graph): void {
    for (const value of graph.initializers) prepareInitializer(value)
    const pending = topologicalOrder(graph).reverse()
    while (pending.length > 0) {
      const node = pending.pop()!
      if (node.graph === graph) pending.push(...[...this.step(node)].reverse())
    }
  }

  /** Rewrites one node; returns nodes that took its place and are to be visited. */
  private step(node: Node): readonly Node[] {
    const version = this.versions.get(node) ?? this.source
    if (node.op === 'Constant' && node.domain === '' && constantToInitializer(node)) return []
    const lifted = liftNode(
      node,
      version,
      new Builder(this.model, node.graph!, this.table, inheritFrom(node)),
    )
    if (!lifted.graph) return []
    plainBatches(lifted, this.emitter(lifted))
    const taken = inlineKnownIf(lifted) ?? this.unroll(lifted)
    if (taken) return taken
    this.table.find(lifted)?.bind?.(lifted, this.model, 'declared')
    for (const [, inner] of lifted.subgraphs) this.visit(inner)
    this.infer(lifted)
    stackLists(
      lifted,
      () => this.infer(lifted),
      (reader) => this.emitter(reader),
    )
    if (removeIfIdentity(lifted) || this.fuse(lifted)) return []
    return this.lower(lifted) ?? []
  }

  /** Writes out a loop, one iteration at a time; undefined where it has to stay. */
  private unroll(node: Node): readonly Node[] | undefined {
    if (node.subgraphs.length === 0) return undefined
    const ctx = { b: this.emitter(node), copied: this.copied, notes: this.notes }
    const applied = expandSequenceMap(node, ctx)
    if (applied) return applied
    if (!this.unrollings.has(node)) this.unrollings.set(node, Unrolling.begin(node, ctx))
    const nodes = this.unrollings.get(node)?.step()
    if (!nodes) this.unrollings.set(node, undefined)
    return nodes
  }

  /** A copied node is written in the opset that its original is. */
  private readonly copied = (copy: Node, original: Node): void => {
    const version = this.versions.get(original)
    if (version !== undefined) this.versions.set(copy, version)
  }

  /** Emits canonical nodes in the place of another. */
  private emitter(node: Node, emitted: Node[] = []): Builder {
    const inherit = inheritFrom(node)
    return new Builder(this.model, node.graph!, this.table, (n) => {
      inherit(n)
      this.versions.set(n, CANONICAL_OPSET)
      emitted.push(n)
    })
  }

  /** Nodes below an unsupported operator stay untyped; infer-types reports it. */
  private infer(node: Node): void {
    const results = node.subgraphs.flatMap(([, inner]) => inner.outputs)
    checkTypes(node, Math.max(CANONICAL_OPSET, this.source))
    if ([...reads(node), ...results].every((v) => v.type?.shape)) inferNode(node, this.model, this.table)
  }

  /** Joins the two halves of a quantised activation. */
  private fuse(node: Node): boolean {
    const value = fuseQuantization(node, new Builder(this.model, node.graph!, this.table, inheritFrom(node)))
    if (!value) return false
    replaceOutputOrCopy(node.output(), value, node.graph!)
    node.graph!.removeNode(node)
    return true
  }

  /** Expands an operator that has no gradient rule, but whose parts may. */
  private lower(node: Node): Node[] | undefined {
    const def = this.table.find(node)
    const lower = def?.lower
    if (!lower || def.grad !== 'none' || node.domain === DOMAIN) return undefined
    if (![...reads(node)].every((v) => v.type?.shape)) return undefined
    const emitted: Node[] = []
    const b = this.emitter(node, emitted)
    nameRecurrentWeights(node, this.model)
    runRule(node, () => lower(node, b)).forEach((value, i) => replaceLowered(node, node.outputs[i], value))
    node.graph!.removeNode(node)
    for (const inner of emitted.flatMap(withNested)) this.versions.set(inner, CANONICAL_OPSET)
    return emitted
  }
}

function replaceLowered(node: Node, output: Value | undefined, value: Value | null): void {
  if (output && value) replaceOutputOrCopy(output, value, node.graph!)
}

/** Removes a node that passes its first input on unchanged. */
function removeIfIdentity(node: Node): boolean {
  if (node.domain !== '' || !passesOn(node) || !replaceOutput(node.output(), node.input(0))) return false
  node.graph!.removeNode(node)
  return true
}

function passesOn(node: Node): boolean {
  if (node.op === 'Identity') return true
  if (node.op !== 'Dropout') return false
  const training = node.inputs[2] ? knownScalar(node.inputs[2]) : 0
  const ratio = node.inputs[1] ? constantNumber(node.inputs[1]) : undefined
  const maskUsed = (node.outputs[1]?.uses.size ?? 0) > 0
  return (training === 0 || ratio === 0) && !maskUsed
}
