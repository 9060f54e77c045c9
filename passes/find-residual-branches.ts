/** Finds the branches whose backward can be dropped. */
import type { Node } from '../src/ir.js'
import type { SiteKind } from '../src/manifest.js'
import { topologicalOrder } from '../src/order.js'
import { selection } from './globs.js'
import type { CompileContext, Pass, Site } from './pass.js'
import { branchesOf, multipliesParameter, type Branch } from './residual/branches.js'
import { traceFlow, type Flow } from './residual/flow.js'
import { kindOf } from './residual/kinds.js'
import { labelBranches } from './residual/names.js'
import { residualSums } from './residual/sums.js'

export const findResidualBranches: Pass = {
  name: 'find-residual-branches',
  purpose:
    'Finds the residual branches: terms of a sum that are computed from another term of it, with parameters of their own.',
  needs: 'ctx.parameters and ctx.loss',
  leaves: 'ctx.sites in execution order, and ctx.declined with reasons; the graph is unchanged',
  run(ctx) {
    const { model, table, parameters, loss } = ctx
    const flow = traceFlow(
      model.graph,
      table,
      parameters.map((p) => p.value),
      loss!.output,
    )
    const position = new Map(topologicalOrder(model.graph).map((node, i) => [node, i]))
    const found = findBranches(ctx, flow, position)
    ctx.sites = chooseSites(ctx, nameSites(found, flow, position))
    if (ctx.sites.length === 0) ctx.notes.push('no residual branch was found: there is nothing to drop')
  },
}

/** A branch with its kind. */
interface Found {
  readonly branch: Branch
  readonly kind: SiteKind
}

type Position = ReadonlyMap<Node, number>

function findBranches(ctx: CompileContext, flow: Flow, position: Position): Found[] {
  return residualSums(flow).flatMap((sum) => {
    const branches = branchesOf(sum, flow)
    if (typeof branches === 'string') {
      ctx.declined.push({ node: sum.root, reason: branches })
      return []
    }
    const found = branches.map((branch) => ({ branch, kind: kindOf(branch, flow) }))
    const end = ({ branch }: Found) => position.get(branch.term.value.producer!)!
    return found.sort((a, b) => ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind) || end(a) - end(b))
  })
}

/** Within one sum. */
const ORDER: readonly SiteKind[] = ['attention', 'cross-attention', 'mlp', 'moe', 'other']

function nameSites(found: readonly Found[], flow: Flow, position: Position): Site[] {
  const nodesOf = ({ region }: Branch): Node[] => {
    const lastFirst = [...region].sort((a, b) => position.get(b)! - position.get(a)!)
    return [...lastFirst.filter((node) => multipliesParameter(node, flow)), ...lastFirst]
  }
  const labels = labelBranches(
    found.map(({ branch, kind }) => ({ kind, sum: branch.term.sum, nodes: nodesOf(branch) })),
  )
  return found.map(({ branch, kind }, index) => ({
    ...labels[index]!,
    index,
    kind,
    sum: branch.term.sum,
    branch: branch.term.value,
    region: branch.region,
  }))
}

/** Keeps the sites that `--sites` names. */
function chooseSites(ctx: CompileContext, sites: readonly Site[]): Site[] {
  const wanted = selection(
    '--sites',
    'site',
    ctx.options.sites,
    sites.map((s) => s.name),
  )
  if (!wanted.isGiven) return [...sites]
  const kept = sites.filter((site) => wanted.match(site.name) !== undefined)
  for (const site of sites) {
    if (!kept.includes(site))
      ctx.declined.push({ node: site.sum, reason: `--sites does not name ${site.name}` })
  }
  return kept.map((site, index) => ({ ...site, index }))
}
