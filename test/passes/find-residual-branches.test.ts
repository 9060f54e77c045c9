/**
 * The residual rule on exported models and on small programs that show one rule each. Programs end in a scalar that stands
 * for the loss; weights are 2×2.
 */
import { describe, expect, it } from 'vitest'
import { Builder } from '../../src/builder.js'
import type { Model } from '../../src/ir.js'
import { parseModel, printModel } from '../../src/text.js'
import { verify } from '../../src/verify.js'
import { annotateFlops } from '../../passes/annotate-flops.js'
import { canonicalise } from '../../passes/canonicalise.js'
import { findResidualBranches } from '../../passes/find-residual-branches.js'
import { foldConstants } from '../../passes/fold-constants.js'
import { inferTypes } from '../../passes/infer-types.js'
import { insertDropBP } from '../../passes/insert-dropbp.js'
import type { CompileContext, CompileOptions, Pass } from '../../passes/pass.js'
import { recoverParameters } from '../../passes/recover-parameters.js'
import { contextOf } from '../helpers/expect-pass.js'
import { about, load, modelNames } from '../helpers/source-models.js'

/** The mean of the first output as the loss. */
const meanAsLoss: Pass = {
  name: 'mean-as-loss',
  purpose: '',
  needs: '',
  leaves: '',
  run(ctx) {
    const { model, table } = ctx
    const [output] = model.graph.outputs
    const loss = new Builder(model, model.graph, table).emit('ReduceMean', [output!], { keepdims: 0 })
    model.graph.setOutputs([output!, loss])
    ctx.loss = { kind: 'output', output: loss, labels: null, labelInput: null }
  },
}

function find(
  source: Model,
  options: Partial<CompileOptions> = {},
  further: readonly Pass[] = [],
): CompileContext {
  const ctx = contextOf(source, options)
  const passes = [
    canonicalise,
    inferTypes,
    foldConstants,
    recoverParameters,
    meanAsLoss,
    findResidualBranches,
  ]
  for (const pass of [...passes, ...further]) {
    pass.run(ctx)
    verify(ctx.model, pass.name)
  }
  return ctx
}

const WEIGHTS = ['w1', 'w2', 'w3', 'w4', 'wq', 'wk', 'wv', 'wo'].map((w) => `float[2, 2] ${w} = {1, 2, 3, 4}`)
const VECTORS = ['b', 'g', 'g2'].map((v) => `float[2] ${v} = {1, 2}`)

/** A program over x [n, s, 2] whose result is y. */
function program(body: string, inputs = 'float[n, s, 2] x'): Model {
  return parseModel(`g (${inputs}) => (float[n, s, 2] y)
    <${[...WEIGHTS, ...VECTORS].join(', ')}, float[2, 1, 1] wd = {1, 2}, float two = {2}, int64[1] one = {1}, int64[1] last = {-1}> { ${body} }`)
}

/** Sites as `kind: branch`, the branch by the name of its value. */
const sitesOf = (ctx: CompileContext): string[] => ctx.sites.map((s) => `${s.kind}: ${s.branch.name}`)

const MLP = (x: string, out: string): string =>
  `${out}h = MatMul (${x}, w1)  ${out}r = Relu (${out}h)  ${out} = MatMul (${out}r, w2)`
const NORM = (x: string, out: string): string => `${out} = LayerNormalization (${x}, g, b)`
const ATTENTION = (x: string, out: string, memory = x): string => `
  ${out}q = MatMul (${x}, wq)  ${out}k = MatMul (${memory}, wk)  ${out}v = MatMul (${memory}, wv)
  ${out}kt = Transpose <perm = [0, 2, 1]> (${out}k)  ${out}s = MatMul (${out}q, ${out}kt)
  ${out}p = Softmax <axis = -1> (${out}s)  ${out}c = MatMul (${out}p, ${out}v)  ${out} = MatMul (${out}c, wo)`

describe('exported models', () => {
  it.each(modelNames)('%s has the sites that PyTorch has', (name) => {
    const ctx = find(load(name))
    const { siteNames, prefix } = about(name)
    expect(ctx.sites.map((s) => s.name)).toEqual(siteNames.map((site) => prefix + site))
    expect(ctx.sites.map((s) => [s.index, s.layer, s.kind])).toEqual([
      [0, 0, 'attention'],
      [1, 0, 'mlp'],
      [2, 1, 'attention'],
      [3, 1, 'mlp'],
    ])
  })
})

describe('FLOPs', () => {
  it('of a branch within a branch count once', () => {
    const body = `h = MatMul (x, w1)  ${MLP('h', 'f')} s = Add (h, f)  o = MatMul (s, w2)  y = Add (x, o)`
    const ctx = find(program(body), {}, [insertDropBP, annotateFlops])
    expect(sitesOf(ctx)).toEqual(['mlp: f', 'mlp: o'])
    expect(ctx.sites.map((s) => String(s.flops!.forward))).toEqual(['16*n*s', '16*n*s'])
  })
})

describe('what is a branch', () => {
  it.each<[string, string, string[]]>([
    ['pre-norm', `${NORM('x', 'n')} ${MLP('n', 'f')} y = Add (x, f)`, ['mlp: f']],
    ['post-norm', `${MLP('x', 'f')} s = Add (f, x)  ${NORM('s', 'y')}`, ['mlp: f']],
    ['sandwich norm', `${NORM('x', 'n')} ${MLP('n', 'f')} ${NORM('f', 'm')} y = Add (x, m)`, ['mlp: m']],
    [
      'parallel',
      `${NORM('x', 'n')} ${MLP('n', 'f')} ${ATTENTION('n', 'a')} t = Add (f, a)  y = Add (t, x)`,
      ['attention: a', 'mlp: f'],
    ],
    [
      'one Sum',
      `${NORM('x', 'n')} ${MLP('n', 'f')} ${ATTENTION('n', 'a')} y = Sum (x, f, a)`,
      ['attention: a', 'mlp: f'],
    ],
    ['with its last bias', `${MLP('x', 'f')} fb = Add (f, b)  y = Add (x, fb)`, ['mlp: fb']],
    [
      'an MLP with a depthwise convolution inside',
      `h = MatMul (x, w1)  t = Transpose <perm = [0, 2, 1]> (h)  c = Conv <group = 2, kernel_shape = [1]> (t, wd)
       u = Transpose <perm = [0, 2, 1]> (c)  f = MatMul (u, w2)  y = Add (x, f)`,
      ['mlp: f'],
    ],
    ['scaled', `${MLP('x', 'f')} fs = Mul (f, two)  y = Add (x, fs)`, ['mlp: fs']],
    ['with a learned scale', `${MLP('x', 'f')} fs = Mul (f, g2)  y = Add (x, fs)`, ['mlp: fs']],
    ['beside a scaled skip', `${MLP('x', 'f')} xs = Mul (two, x)  y = Add (xs, f)`, ['mlp: f']],
    ['beside a divided skip', `${MLP('x', 'f')} xs = Div (x, two)  y = Add (xs, f)`, ['mlp: f']],
    [
      'that reads the sum through a cast',
      `d = Cast <to = 11> (x)  e = Cast <to = 1> (d)  ${MLP('x', 'f')} y = Add (e, f)`,
      ['mlp: f'],
    ],
    [
      'two in a row',
      `${MLP('x', 'f')} s = Add (x, f)  ${MLP('s', 'h')} y = Add (s, h)`,
      ['mlp: f', 'mlp: h'],
    ],
    ['nested', `${MLP('x', 'f')} i = Add (x, f)  o = MatMul (i, w3)  y = Add (x, o)`, ['mlp: f', 'mlp: o']],
    ['attention', `${ATTENTION('x', 'a')} y = Add (x, a)`, ['attention: a']],
    ['one product', `f = MatMul (x, w1)  y = Add (x, f)`, ['other: f']],
  ])('%s', (_name, body, sites) => expect(sitesOf(find(program(body)))).toEqual(sites))

  it('cross-attention reads another stream', () => {
    const body = `m = MatMul (e, w3)  ${ATTENTION('x', 'a', 'm')} y = Add (x, a)`
    expect(sitesOf(find(program(body, 'float[n, s, 2] x, float[n, t, 2] e')))).toEqual(['cross-attention: a'])
  })

  it('a learned bias on the scores makes no other stream', () => {
    const body = `${ATTENTION('x', 'a').replace('(as)', '(ab)')} mask = Mul (m, two)  ab = Add (as, mask)  y = Add (x, a)`
    expect(sitesOf(find(program(body, 'float[n, s, 2] x, float[n, s, s] m')))).toEqual(['attention: a'])
  })

  it('experts chosen by the largest scores', () => {
    const body = `r = MatMul (x, w1)  p = Softmax <axis = -1> (r)  t, i = TopK (p, one)
      h = MatMul (x, w2)  e = MatMul (h, w3)  f = Mul (e, t)  y = Add (x, f)`
    expect(sitesOf(find(program(body)))).toEqual(['moe: f'])
  })
})

describe('what is none', () => {
  it.each<[string, string, string[]]>([
    [
      'embeddings',
      `t = MatMul (x, w1)  p = MatMul (z, w2)  y = Add (t, p)`,
      ['no operand is read by what computes the others'],
    ],
    [
      'rotary positions',
      `f = Cast <to = 1> (pos)  h = MatMul (x, w1)  c = Mul (h, f)  n = Neg (h)  s = Mul (n, f)  y = Add (c, s)`,
      ['what is added to the skip has no product with a parameter'],
    ],
    ['a bias', `h = MatMul (x, w1)  y = Add (h, b)`, ['it adds a weight or a constant']],
    [
      'a mask',
      `${ATTENTION('x', 'a').replace('(as)', '(ab)')} ab = Add (as, two)  y = Relu (a)`,
      ['it adds a weight or a constant'],
    ],
    [
      'computed positions',
      `f = Cast <to = 1> (pos)  h = MatMul (x, w1)  y = Add (h, f)`,
      ['an operand of it carries no gradient: a mask or a position, say'],
    ],
    [
      'a branch that another reader needs too',
      `${MLP('x', 'f')} s = Add (x, f)  y = Mul (s, f)`,
      ['no operand is read by what computes the others'],
    ],
    [
      'low-rank adaptation',
      `m = MatMul (x, w1)  l = MatMul (x, w2)  h = MatMul (l, w3)  y = Add (m, h)`,
      ['no operand is read by what computes the others'],
    ],
  ])('%s', (_name, body, reasons) => {
    const ctx = find(program(body, 'float[n, s, 2] x, float[n, s, 2] z, int64[n, s, 2] pos'))
    expect(ctx.sites).toEqual([])
    expect(ctx.declined.map((d) => d.reason)).toEqual(reasons)
    expect(ctx.notes).toContain('no residual branch was found: there is nothing to drop')
  })
})

describe('names', () => {
  const block = (scope: string, x: string, out: string): string => `
    ["${scope}/fc1/MatMul"] ${out}h = MatMul (${x}, w1)
    ["${scope}/act/Relu"] ${out}r = Relu (${out}h)
    ["${scope}/fc2/MatMul"] ${out}f = MatMul (${out}r, w2)`
  const sum = (scope: string, x: string, out: string): string =>
    `["${scope}/Add"] ${out} = Add (${x}, ${out}f)`

  it('are the module that the sum adds, and its last product lies in', () => {
    const ctx = find(
      program(
        `${block('/m/l.0/mlp', 'x', 's')} ${sum('/m/l.0', 'x', 's')} ${block('/m/l.1', 's', 'y')} ${sum('/m/l.1', 's', 'y')}`,
      ),
    )
    expect(ctx.sites.map((s) => [s.name, s.layer])).toEqual([
      ['m.l.0.mlp', 0],
      ['m.l.1.fc2', 1],
    ])
  })

  it('are numbered where a module is applied again', () => {
    const ctx = find(
      program(
        `${block('/layer/mlp', 'x', 's')} ${sum('/layer', 'x', 's')} ${block('/layer/mlp', 's', 'y')} ${sum('/layer', 's', 'y')}`,
      ),
    )
    expect(ctx.sites.map((s) => [s.name, s.layer])).toEqual([
      ['layer.mlp', 0],
      ['layer.mlp#2', 1],
    ])
  })

  it('are those of the first call where TorchScript numbers the calls of a module', () => {
    const ctx = find(
      program(
        `${block('/layer/mlp', 'x', 's')} ${sum('/layer', 'x', 's')} ${block('/layer/mlp_1', 's', 'y')} ${sum('/layer_1', 's', 'y')}`,
      ),
    )
    expect(ctx.sites.map((s) => [s.name, s.layer])).toEqual([
      ['layer.mlp', 0],
      ['layer.mlp#2', 1],
    ])
  })

  it('tell layer and kind where the export has no modules', () => {
    const ctx = find(
      program(
        `${ATTENTION('x', 'a')} s = Add (x, a)  ${MLP('s', 'f')} t = Add (s, f)  ${MLP('t', 'h')} y = Add (t, h)`,
      ),
    )
    expect(ctx.sites.map((s) => s.name)).toEqual(['layer.0.attention', 'layer.0.mlp', 'layer.1.mlp'])
  })

  it('are chosen by --sites', () => {
    const body = `${ATTENTION('x', 'a')} s = Add (x, a)  ${MLP('s', 'f')} y = Add (s, f)`
    const ctx = find(program(body), { sites: ['*.mlp'] })
    expect(ctx.sites.map((s) => [s.name, s.index])).toEqual([['layer.0.mlp', 0]])
    expect(ctx.declined.map((d) => d.reason)).toEqual(['--sites does not name layer.0.attention'])
    expect(() => find(program(body), { sites: ['layer.9'] })).toThrowError(
      /--sites "layer.9" matches none of the model's 2 sites/,
    )
  })
})

describe('DropBP nodes', () => {
  const BODY = `${NORM('x', 'n')} ${MLP('n', 'f')} fb = Add (f, b)  y = Add (x, fb)`

  it('stand between a branch and its sum', () => {
    const ctx = find(program(BODY), {}, [insertDropBP])
    const [site] = ctx.sites
    expect(site!.node!.inputs).toEqual([site!.branch, site!.keep])
    expect(site!.sum.inputs[1]).toBe(site!.node!.output())
    expect(site!.node!.string('site', '')).toBe(site!.name)
    expect(ctx.model.graph.inputs.map((v) => v.name)).toEqual(['x', 'keep/layer.0.mlp'])
    expect(printModel(ctx.model)).toContain('com.dropbp.DropBP')
  })

  it('carry the FLOPs of their branch', () => {
    const ctx = find(program(BODY), {}, [insertDropBP, annotateFlops])
    expect(ctx.sites.map((s) => String(s.flops!.forward))).toEqual(['16*n*s'])
    expect(ctx.sites[0]!.node!.string('flops', '')).toBe('16*n*s')
  })

  it.each(['gpt2', 'gpt2_ts17', 'bert'])('of %s: a plain block has the FLOPs of the paper', (name) => {
    const { sites } = find(load(name), {}, [insertDropBP, annotateFlops])
    const [b, s, h] = [3, 10, 16]
    const [attention, mlp] = sites.map((site) => site.flops!.forward.evaluate({ batch: b, seq: s }))
    expect(attention).toBe(8 * b * s * h ** 2 + 4 * b * h * s ** 2)
    // The paper's MLP is four times as wide as the model; this one twice.
    expect(mlp).toBe((16 * b * s * h ** 2) / 2)
  })
})
