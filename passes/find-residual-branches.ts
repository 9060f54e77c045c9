/** Finds the branches whose backward can be dropped. */
import type { Node, Value } from '../src/ir.js'
import type { SiteKind } from '../src/manifest.js'
import { outermost, topologicalOrder } from '../src/order.js'
import { selection } from './globs.js'
import type { CompileContext, Parameter, Pass, Site } from './pass.js'
import { branchesOf, multipliesParameter, type Branch } from './residual/branches.js'
import { traceFlow, type Flow } from './residual/flow.js'
import { kindOf } from './residual/kinds.js'
import { labelBranches, type Label } from './residual/names.js'
import { groupStacks } from './residual/stacks.js'
import { isAddition, residualSums, whyNoSum } from './residual/sums.js'

export const findResidualBranches: Pass = {
  name: 'find-residual-branches',
  purpose:
    'Finds the residual branches: terms of a sum that are computed from another term of it, with parameters of their own.',
  needs: 'ctx.parameters and ctx.loss',
  leaves:
    'ctx.sites in execution order, the sites that read each parameter, ctx.declined with reasons; the graph is unchanged',
  run(ctx) {
    const { model, table, parameters, loss } = ctx
    const flow = traceFlow(
      model.graph,
      table,
      parameters.map((p) => p.value),
      loss!.output,
    )
    const order = topologicalOrder(model.graph)
    const position = new Map(order.map((node, i) => [node, i]))
    for (const node of order) {
      const reason = isAddition(node) && whyNoSum(node, flow)
      if (reason) ctx.declined.push({ node, reason })
    }
    const found = inStacks(findBranches(ctx, flow, position), flow, position, order)
    ctx.sites = chooseSites(ctx, nameSites(found, flow, position))
    for (const parameter of parameters) parameter.readIn = readersOf(parameter.value, ctx.sites)
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

/** Branches with an encoder's before its decoder's, whatever order a tool left their nodes in. */
function inStacks(
  found: readonly Found[],
  flow: Flow,
  position: Position,
  order: readonly Node[],
): readonly Found[] {
  const labels = labelsOf(found, flow, position)
  const members = found.map((f, i) => ({ found: f, sum: f.branch.term.sum, stack: labels[i]!.stack }))
  return groupStacks(members, order).map((m) => m.found)
}

function labelsOf(found: readonly Found[], flow: Flow, position: Position): Label[] {
  const nodesOf = ({ region }: Branch): Node[] => {
    const lastFirst = [...region].sort((a, b) => position.get(b)! - position.get(a)!)
    return [...lastFirst.filter((node) => multipliesParameter(node, flow)), ...lastFirst]
  }
  return labelBranches(
    found.map(({ branch, kind }) => ({ kind, sum: branch.term.sum, nodes: nodesOf(branch) })),
  )
}

function nameSites(found: readonly Found[], flow: Flow, position: Position): Site[] {
  const labels = labelsOf(found, flow, position)
  return found.map(({ branch, kind }, index) => ({
    name: labels[index]!.name,
    layer: labels[index]!.layer,
    index,
    kind,
    sum: branch.term.sum,
    branch: branch.term.value,
    region: branch.region,
  }))
}

/** Which branches read a value, and whether nothing else does. */
function readersOf(value: Value, sites: readonly Site[]): Map<string, 'alone' | 'shared'> {
  const readers = value.users.map(outermost)
  const found = new Map<string, 'alone' | 'shared'>()
  for (const { name, region } of sites) {
    const inside = readers.filter((node) => region.has(node)).length
    if (inside > 0) found.set(name, inside === readers.length ? 'alone' : 'shared')
  }
  return found
}

/** Names of the sites whose branch alone reads a parameter; several where branches are nested. */
export function ownersOf({ readIn }: Parameter): string[] {
  return [...(readIn ?? [])].filter(([, how]) => how === 'alone').map(([name]) => name)
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
