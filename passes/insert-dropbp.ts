/** Puts a DropBP node on every site's branch. */
import { Builder } from '../src/builder.js'
import { Value, type Graph } from '../src/ir.js'
import { DOMAIN, DROPBP } from '../src/ops/dropbp.js'
import { tensorType } from '../src/types.js'
import { inheritFrom } from './canonical/replace.js'
import type { CompileContext, Pass, Site } from './pass.js'

export const insertDropBP: Pass = {
  name: 'insert-dropbp',
  purpose:
    'Puts a DropBP node between every branch and the sum that it joins, with a bool input that keeps its backward.',
  needs: 'ctx.sites',
  leaves: 'site.node and site.keep; the forward computes the same',
  run(ctx) {
    for (const site of ctx.sites) insert(site, ctx)
  },
}

/** Takes the DropBP nodes out again: each is its branch. */
export function dissolveDropBP(graph: Graph): void {
  for (const node of [...graph.nodes]) {
    if (node.qualifiedOp !== DROPBP) continue
    node.output().replaceAllUsesWith(node.input(0))
    graph.removeNode(node)
  }
}

function insert(site: Site, { model, table }: CompileContext): void {
  const { graph } = model
  const { sum, branch, name } = site
  const keep = graph.addInput(new Value(`keep/${name}`, tensorType('bool', [])))
  const b = new Builder(model, graph, table, inheritFrom(sum))
  const dropped = b.emit('DropBP', [branch, keep], { site: name }, { domain: DOMAIN, name: `${name}/DropBP` })
  sum.setInput(sum.inputs.indexOf(branch), dropped)
  site.node = dropped.producer!
  site.keep = keep
}
