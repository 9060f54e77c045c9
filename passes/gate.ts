/** Outlines the nodes of equal condition into ONNX `If` nodes, forward and backward, so that a dropped branch costs nothing. */
import { Expr } from '../src/expr.js'
import type { Node } from '../src/ir.js'
import { removeDeadNodes } from '../src/order.js'
import { flopsOf } from './annotate-flops.js'
import { BackwardGates } from './gating/backward.js'
import { Branches } from './gating/branches.js'
import { executionOf, type Execution } from './gating/execution.js'
import { flatten } from './gating/flat.js'
import { ForwardGates } from './gating/forward.js'
import { recomputeRegion } from './gating/recompute.js'
import { branchRegions } from './gating/regions.js'
import { rootSaved } from './gating/root-saved.js'
import { trimOutputs } from './gating/trim.js'
import { dissolveDropBP } from './insert-dropbp.js'
import type { CompileContext, Pass } from './pass.js'

export const gate: Pass = {
  name: 'gate',
  purpose:
    'Runs each branch with what its backward needs only where it is kept, and its backward not at all where it is dropped.',
  needs: 'ctx.differentiated; DropBP, Gate, Accumulate and OrZero nodes.',
  leaves:
    'If nodes in their place (with options.flat: Where and Add); presence of gradients and backward FLOPs of sites.',
  run(ctx: CompileContext): void {
    const { model, table } = ctx
    const { graph } = model
    const { forward } = ctx.differentiated!
    const isForward = (n: Node): boolean => forward.has(n)
    const isBackward = (n: Node): boolean => !forward.has(n)
    const gates = ctx.sites.map((s) => s.keep!)

    rootSaved(graph, isBackward)
    removeDeadNodes(graph)
    const regions = branchRegions(graph, ctx.sites, isForward)
    dissolveDropBP(graph)
    for (const [site, nodes] of regions) {
      const region = nodes.filter((n) => n.graph) // a nested branch's DropBP node is gone
      regions.set(site, region)
      if (ctx.options.recompute.includes(site.kind) && !ctx.options.flat)
        recomputeRegion(model, table, region, isBackward)
    }
    removeDeadNodes(graph)
    for (const node of graph.nodes) if (node.subgraphs.length > 0) trimOutputs(node)
    const execution = executionOf(graph, isBackward, gates)
    recordPresence(ctx, execution)
    recordFlops(ctx, execution)
    if (ctx.options.flat) return flatten(model, table)

    const branches = new Branches(model, table, gates)
    new ForwardGates(graph, branches, regions, execution.conditions, gates).emit()
    new BackwardGates(model, table, branches, execution).emit()
  },
}

function recordPresence(ctx: CompileContext, { presence }: Execution): void {
  const { parameters, presentWhen } = ctx.differentiated!
  parameters.forEach((p, i) => presentWhen.set(p, presence.of(ctx.model.graph.outputs[i + 1]!).gates()))
}

/** Backward FLOPs of a site: those of the nodes that run only where it is kept. */
function recordFlops(ctx: CompileContext, { conditions }: Execution): void {
  const own = ctx.sites.map((): Node[] => [])
  for (const [node, condition] of conditions) {
    const size = (k: number): number => ctx.sites[k]!.region.size
    const [innermost] = condition.required.toSorted((a, b) => size(a) - size(b) || a - b)
    if (innermost !== undefined) own[innermost]!.push(node)
  }
  ctx.sites.forEach((site, k) => {
    site.flops = { forward: site.flops?.forward ?? Expr.zero, backward: flopsOf(own[k]!, ctx.table) }
  })
}
