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
    'Puts a DropBP node between every branch and the sum that it joins, with a bool input that keeps its backward, and on request a factor for it.',
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

function insert(site: Site, { model, table, options }: CompileContext): void {
  const { graph } = model
  const { sum, branch, name } = site
  const keep = graph.addInput(new Value(`keep/${name}`, tensorType('bool', [])))
  const b = new Builder(model, graph, table, inheritFrom(sum))
  const scale = options.unbiased
    ? graph.addInput(new Value(`scale/${name}`, tensorType('float32', [])))
    : undefined
  const operands = scale ? [branch, keep, scale] : [branch, keep]
  const dropped = b.emit('DropBP', operands, { site: name }, { domain: DOMAIN, name: `${name}/DropBP` })
  sum.setInput(sum.inputs.indexOf(branch), dropped)
  site.node = dropped.producer!
  site.keep = keep
  site.scale = scale
}
