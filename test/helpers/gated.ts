/** Small programs differentiated and gated, and compared with the flat graph under every mask in ONNX Runtime. */
import { expect } from 'vitest'
import { differentiate } from '../../passes/differentiate.js'
import { gate } from '../../passes/gate.js'
import type { CompileContext, CompileOptions } from '../../passes/pass.js'
import { simplify } from '../../passes/simplify.js'
import { bindInputDims, inferGraph } from '../../src/infer.js'
import { Node } from '../../src/ir.js'
import { DROPBP } from '../../src/ops/dropbp.js'
import { standardOps } from '../../src/ops/index.js'
import { parseModel } from '../../src/text.js'
import { verify } from '../../src/verify.js'
import { contextOf, expectRoundTrip, feed, runModel } from './expect-pass.js'

/** Differentiates a program with respect to its `w` inputs and gates it. */
export function compileProgram(text: string, options: Partial<CompileOptions> = {}): CompileContext {
  const model = parseModel(text)
  bindInputDims(model)
  inferGraph(model.graph, model, standardOps)
  const ctx = contextOf(model, options)
  const marks = [...model.graph.nodes].filter((n) => n.qualifiedOp === DROPBP)
  ctx.sites = marks.map((node, index) => ({
    ...{
      name: `site${index}`,
      index,
      layer: index,
      kind: 'mlp',
      branch: node.input(0),
      region: new Set<Node>(),
    },
    ...{ node, keep: node.input(1), sum: node.output().users[0]! },
  }))
  const weights = model.graph.inputs.filter((v) => v.name.startsWith('w'))
  ctx.parameters = weights.map((value) => ({
    ...{ name: value.name, value, trainable: true, initializer: value.name },
    ...{ transposed: false, derived: null, aliases: [] },
  }))
  const loss = model.graph.outputs[0]!
  ctx.loss = { kind: 'output', output: loss, labels: null, labelInput: null }
  for (const pass of [differentiate, gate, simplify]) {
    pass.run(ctx)
    verify(model, pass.name)
  }
  model.graph.outputs.forEach(
    (v, i) => (v.name = i === 0 ? 'loss' : `${ctx.differentiated!.parameters[i - 1]!.name}_grad`),
  )
  for (const v of model.graph.outputs.slice(1)) v.type = { dtype: v.type!.dtype, shape: undefined }
  expectRoundTrip(model)
  return ctx
}

function feeds(ctx: CompileContext, mask: number): Record<string, ReturnType<typeof feed>> {
  const gates = ctx.sites.map((s) => s.keep!)
  const all = ctx.model.graph.inputs.map((v, k) => {
    if (gates.includes(v)) return [v.name, feed('bool', [], [(mask >> gates.indexOf(v)) & 1])] as const
    const shape = v.type!.shape!.map((d) => d.constant ?? 3)
    const size = shape.reduce((a, b) => a * b, 1)
    const values = Array.from({ length: size }, (_, i) => Math.sin(1 + i * 1.7 + k * 2.3))
    return [v.name, feed('float32', shape, values)] as const
  })
  return Object.fromEntries(all)
}

/** Runs gated and flat graph under every mask; what the presence formula says is absent must be empty, all else equal. */
export async function expectAgreement(
  text: string,
  options: Partial<CompileOptions> = {},
): Promise<CompileContext> {
  const [gated, flat] = [compileProgram(text, options), compileProgram(text, { flat: true })]
  const { parameters, presentWhen } = gated.differentiated!
  for (let mask = 0; mask < 1 << gated.sites.length; mask++) {
    const got = await runModel(gated.model, feeds(gated, mask))
    const want = await runModel(flat.model, feeds(flat, mask))
    expect(got.loss!.data[0]).toBeCloseTo(want.loss!.data[0]!, 5)
    for (const p of parameters) {
      const [g, w] = [got[`${p.name}_grad`]!, want[`${p.name}_grad`]!]
      const present = presentWhen.get(p)!.some((term) => term.every((k) => (mask >> k) & 1))
      const where = `${p.name} under mask ${mask.toString(2)}`
      expect(g.data.length, where).toBe(present ? w.data.length : 0)
      g.data.forEach((x, i) => expect(x, where).toBeCloseTo(w.data[i]!, 4))
    }
  }
  return gated
}

export function ifs(ctx: CompileContext): string[] {
  return [...ctx.model.graph.nodes].filter((n) => n.op === 'If').map((n) => n.name)
}
