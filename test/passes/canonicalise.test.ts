/** The canonical form: what sources write in many ways, rules see in one. Lifted operators are compared on ONNX Runtime. */
import { describe, expect, it } from 'vitest'
import { CompileError } from '../../src/errors.js'
import type { Model } from '../../src/ir.js'
import type { OpDef } from '../../src/op.js'
import { standardOps } from '../../src/ops/index.js'
import { topologicalOrder } from '../../src/order.js'
import { parseModel } from '../../src/text.js'
import { verify } from '../../src/verify.js'
import { formatType } from '../../src/types.js'
import { canonicalise } from '../../passes/canonicalise.js'
import { foldConstants } from '../../passes/fold-constants.js'
import { inferTypes } from '../../passes/infer-types.js'
import { contextOf, expectPass, feed, runModel, type Feed } from '../helpers/expect-pass.js'

/** The canonical form of a program. */
function canonical(text: string, table = standardOps): Model {
  const ctx = contextOf(parseModel(text), {}, table)
  canonicalise.run(ctx)
  verify(ctx.model, 'canonicalise')
  return ctx.model
}

function refusal(text: string): CompileError {
  try {
    canonical(text)
  } catch (error) {
    if (error instanceof CompileError) return error
    throw error
  }
  throw new Error('was accepted')
}

const at = (opset: number, graph: string): string => `<ir_version: 7, opset_import: ["" : ${opset}]> ${graph}`
const opsOf = (model: Model): string[] => topologicalOrder(model.graph).map((n) => n.qualifiedOp)

/** Numbers without a pattern. */
const noise = (n: number): number[] =>
  Array.from({ length: n }, (_, i) => Math.round(1000 * Math.sin(7 * i + 1)) / 500)

describe('opsets', () => {
  it('are lifted to 20, newer ones stay', () => {
    const graph = 'g (float[2] x) => (float[2] y) { y = Relu (x) }'
    const lifted = canonical(at(13, graph))
    expect([lifted.opset, lifted.irVersion]).toEqual([20, 10])
    expect(canonical(at(23, graph)).opset).toBe(23)
  })

  it('out of range are refused with the range and the way out', () => {
    const graph = 'g (float[2] x) => (float[2] y) { y = Relu (x) }'
    expect(refusal(at(27, graph)).describe()).toBe(
      'opset-too-new: the model is written in opset 27; opsets 7 to 26 can be compiled. Export it with opset_version=26 or lower',
    )
    expect(refusal(at(6, graph)).code).toBe('opset-too-old')
  })

  it('whose Scan took batches are refused', () => {
    const graph = `g (float[1, 2] h, float[1, 3, 2] x) => (float[1, 2] y) {
      y = Scan <num_scan_inputs = 1> (, h, x) <body = b (float[2] a, float[2] e) => (float[2] c) { c = Add (a, e) }>
    }`
    expect(refusal(at(8, graph)).describe()).toContain('whose Scan takes batches of sequences')
  })
})

describe('older operator forms compute the same', () => {
  const x = feed('float32', [2, 3, 4], noise(24))
  const image = feed('float32', [1, 1, 2, 3], noise(6))
  const cases: [string, string, Feed?][] = [
    [
      'Softmax of trailing axes',
      at(11, 'g (float[2, 3, 4] x) => (float[2, 3, 4] y) { y = Softmax <axis = 1> (x) }'),
    ],
    [
      'Softmax of the last axis',
      at(11, 'g (float[2, 3, 4] x) => (float[2, 3, 4] y) { y = Softmax <axis = 2> (x) }'),
    ],
    ['Softmax by default', at(12, 'g (float[2, 3, 4] x) => (float[2, 3, 4] y) { y = Softmax (x) }')],
    ['LogSoftmax', at(9, 'g (float[2, 3, 4] x) => (float[2, 3, 4] y) { y = LogSoftmax <axis = -2> (x) }')],
    [
      'Squeeze, Unsqueeze',
      at(
        11,
        'g (float[2, 3, 4] x) => (float[n, 2, m, 4] y) { u = Unsqueeze <axes = [0, 4]> (x)  y = Squeeze <axes = [4]> (u) }',
      ),
    ],
    [
      'Squeeze of all ones',
      at(
        11,
        'g (float[2, 3, 4] x) => (float[k, l, m] y) { u = Unsqueeze <axes = [0]> (x)  y = Squeeze (u) }',
      ),
    ],
    ['ReduceSum', at(11, 'g (float[2, 3, 4] x) => (float[2, 1, 4] y) { y = ReduceSum <axes = [1]> (x) }')],
    [
      'ReduceMean',
      at(17, 'g (float[2, 3, 4] x) => (float[2, 4] y) { y = ReduceMean <axes = [1], keepdims = 0> (x) }'),
    ],
    ['ReduceMax of everything', at(13, 'g (float[2, 3, 4] x) => (float[1, 1, 1] y) { y = ReduceMax (x) }')],
    [
      'Split into sizes',
      at(11, 'g (float[2, 3, 4] x) => (float[2, 3, n] y) { a, y = Split <axis = 2, split = [1, 3]> (x) }'),
    ],
    ['Split evenly', at(13, 'g (float[2, 3, 4] x) => (float[2, 3, n] y) { a, y = Split <axis = 2> (x) }')],
    ['Clip', at(10, 'g (float[2, 3, 4] x) => (float[2, 3, 4] y) { y = Clip <min = -0.5, max = 1.25> (x) }')],
    ['Clip on one side', at(7, 'g (float[2, 3, 4] x) => (float[2, 3, 4] y) { y = Clip <max = 0.25> (x) }')],
    [
      'Pad',
      at(
        10,
        'g (float[2, 3, 4] x) => (float[k, l, m] y) { y = Pad <pads = [0, 1, 0, 0, 0, 2], value = 1.5> (x) }',
      ),
    ],
    [
      'Slice',
      at(
        9,
        'g (float[2, 3, 4] x) => (float[k, l, m] y) { y = Slice <starts = [1, 0], ends = [3, 9], axes = [1, 2]> (x) }',
      ),
    ],
    ['TopK', at(9, 'g (float[2, 3, 4] x) => (float[2, 3, k] y) { y, i = TopK <k = 2> (x) }')],
    [
      'Dropout',
      at(10, 'g (float[2, 3, 4] x) => (float[2, 3, 4] y) { d = Dropout <ratio = 0.9> (x)  y = Neg (d) }'),
    ],
    [
      'Scatter',
      at(
        10,
        'g (float[2, 3, 4] x) => (float[2, 3, 4] y) <int64[1, 1, 1] i = {1}, float[1, 1, 1] u = {9}> { y = Scatter <axis = 1> (x, i, u) }',
      ),
    ],
    [
      'BatchNormalization',
      at(
        9,
        'g (float[2, 3, 4] x) => (float[2, 3, 4] y) <float[3] s = {1, 2, 3}, float[3] v = {1, 4, 9}> { y = BatchNormalization (x, s, s, s, v) }',
      ),
    ],
    [
      'DFT',
      at(17, 'g (float[2, 3, 1] x) => (float[2, 3, 2] y) { y = DFT (x) }'),
      feed('float32', [2, 3, 1], noise(6)),
    ],
    [
      'Upsample',
      at(
        7,
        'g (float[1, 1, 2, 3] x) => (float[1, 1, h, w] y) { y = Upsample <mode = "nearest", scales = [1.0, 1.0, 2.0, 3.0]> (x) }',
      ),
      image,
    ],
    [
      'Upsample with an input',
      at(
        9,
        'g (float[1, 1, 2, 3] x) => (float[1, 1, h, w] y) <float[4] s = {1, 1, 2, 2}> { y = Upsample <mode = "linear"> (x, s) }',
      ),
      image,
    ],
    [
      'Resize',
      at(
        10,
        'g (float[1, 1, 2, 3] x) => (float[1, 1, h, w] y) <float[4] s = {1, 1, 1.5, 2}> { y = Resize <mode = "linear"> (x, s) }',
      ),
      image,
    ],
  ]

  it.each(cases)('%s', async (_name, text, input = x) => {
    const model = canonical(text)
    expect(await runModel(model, { x: input })).toEqual(await runModel(parseModel(text), { x: input }))
  })

  it('GroupNormalization with one scale a group', async () => {
    const text = at(
      18,
      'g (float[2, 4, 3] x) => (float[2, 4, 3] y) <float[2] s = {1, 2}> { y = GroupNormalization <num_groups = 2> (x, s, s) }',
    )
    const input = { x: feed('float32', [2, 4, 3], noise(24)) }
    const [got, expected] = [await runModel(canonical(text), input), await runModel(parseModel(text), input)]
    expect(got.y!.data.map((v) => v.toFixed(4))).toEqual(expected.y!.data.map((v) => v.toFixed(4)))
  })

  it('CastLike is a Cast, which does not keep what it is like alive', () => {
    const [cast] = canonical(
      at(20, 'g (float[2] x, float16[n] like) => (float16[2] y) { y = CastLike (x, like) }'),
    ).graph.nodes
    expect([cast!.op, cast!.inputs.length, cast!.int('to', 0)]).toEqual(['Cast', 1, 10])
  })

  it('names of types become numbers', () => {
    const [cast] = canonical(at(9, 'g (float[2] x) => (int64[2] y) { y = Cast <to = "INT64"> (x) }')).graph
      .nodes
    expect(cast!.int('to', 0)).toBe(7)
  })

  it('modes of GridSample have their new names', async () => {
    const text = at(
      16,
      'g (float[1, 1, 2, 3] x, float[1, 2, 2, 2] f) => (float[1, 1, 2, 2] y) { y = GridSample <mode = "bilinear"> (x, f) }',
    )
    const feeds = {
      x: image,
      f: feed(
        'float32',
        [1, 2, 2, 2],
        noise(8).map((v) => v / 2),
      ),
    }
    const [got, want] = [await runModel(canonical(text), feeds), await runModel(parseModel(text), feeds)]
    got.y!.data.forEach((v, i) => expect(v).toBeCloseTo(want.y!.data[i]!, 5))
  })
})

describe('constants', () => {
  it('are initializers, whatever attribute holds them', () => {
    expectPass(
      canonicalise,
      `g (float[2] x) => (float[2] y, int64[1] i, float[1] v, int64 j) {
        c = Constant <value = float[2] {1, 2}> ()
        f = Constant <value_float = 3.0> ()
        k = Constant <value_ints = [4]> ()
        n = Constant <value_int = 5> ()
        fs = Constant <value_floats = [6.0]> ()
        a = Add (x, c)  y = Mul (a, f)  i = Neg (k)  v = Neg (fs)  j = Neg (n)
      }`,
      { infer: false },
    ).toBecome(`g (float[2] x) => (float[2] y, int64[1] i, float[1] v, int64 j)
      <float[2] c = {1, 2}, float f = {3}, int64[1] k = {4}, float[1] fs = {6}, int64 n = {5}> {
        a = Add (x, c)  y = Mul (a, f)  i = Neg (k)  v = Neg (fs)  j = Neg (n)
      }`)
  })
})

describe('functions', () => {
  const FUNCTIONS = `<ir_version: 10, opset_import: ["" : 20, "f" : 1]>
    g (float[2, 3] x) => (float[2, 3] y) { y = f.Outer <alpha = 0.5> (x) }
    <domain: "f", opset_import: ["" : 20, "f" : 1]>
    Outer <alpha> (a) => (b) { t = f.Inner <slope: float = @alpha> (a)  b = Neg (t) }
    <domain: "f", opset_import: ["" : 20]>
    Inner <slope> (a) => (b) { b = LeakyRelu <alpha: float = @slope> (a) }`

  it('are expanded, nested calls and references to attributes included', async () => {
    const model = canonical(FUNCTIONS)
    expect(opsOf(model)).toEqual(['LeakyRelu', 'Neg'])
    expect(model.functions).toEqual([])
    const feeds = { x: feed('float32', [2, 3], noise(6)) }
    expect(await runModel(model, feeds)).toEqual(await runModel(parseModel(FUNCTIONS), feeds))
  })

  it('in older opsets are lifted from theirs', async () => {
    const text = `<ir_version: 10, opset_import: ["" : 20, "f" : 1]>
      g (float[2, 3] x) => (float[2, 1] y) { y = f.Sum (x) }
      <domain: "f", opset_import: ["" : 11]>
      Sum (a) => (b) { b = ReduceSum <axes = [1]> (a) }`
    const model = canonical(text)
    const feeds = { x: feed('float32', [2, 3], [1, 2, 3, 4, 5, 6]) }
    expect((await runModel(model, feeds)).y!.data).toEqual([6, 15])
  })

  it('may leave optional operands out', () => {
    const text = `<ir_version: 10, opset_import: ["" : 20, "f" : 1]>
      g (float[2, 3] x) => (float[2, 3] y) { y = f.Bound (x) }
      <domain: "f", opset_import: ["" : 20]>
      Bound (a, low) => (b) { b = Clip (a, low) }`
    const [clip] = canonical(text).graph.nodes
    expect(clip!.inputs.filter((v) => v !== null).length).toBe(1)
  })

  it('of this project stay calls', () => {
    const text = `<ir_version: 10, opset_import: ["" : 20, "com.dropbp" : 1]>
      g (float[2] x) => (float[2] y) { y = com.dropbp.DropBP <site = "a"> (x) }
      <domain: "com.dropbp", opset_import: ["" : 20]>
      DropBP <site> (a) => (b) { b = Identity (a) }`
    const model = canonical(text)
    expect(opsOf(model)).toEqual(['com.dropbp::DropBP'])
    expect(model.functions.length).toBe(1)
  })

  it('that call themselves are refused', () => {
    const text = `<ir_version: 10, opset_import: ["" : 20, "f" : 1]>
      g (float[2] x) => (float[2] y) { y = f.A (x) }
      <domain: "f", opset_import: ["" : 20, "f" : 1]> A (a) => (b) { b = f.B (a) }
      <domain: "f", opset_import: ["" : 20, "f" : 1]> B (a) => (b) { b = f.A (a) }`
    expect(refusal(text).describe()).toContain(
      'recursive-function: the model\'s function "A" calls itself (A → B → A)',
    )
  })
})

describe('what does nothing is removed', () => {
  it('Identity, but for the names of results', () => {
    expectPass(
      canonicalise,
      `g (float[2] x) => (float[2] y, float[2] z) { a = Identity (x)  b = Relu (a)  y = Identity (b)  z = Identity (x) }`,
    ).toBecome('g (float[2] x) => (float[2] y, float[2] z) { y = Relu (x)  z = Identity (x) }')
  })

  it('results stay the values that they were', () => {
    const model = parseModel('g (float[2] x) => (float[2] y) { b = Relu (x)  y = Identity (b) }')
    const [before] = model.graph.outputs
    canonicalise.run(contextOf(model))
    expect(model.graph.outputs).toEqual([before])
  })

  it('Dropout of inference, not of training', () => {
    expectPass(
      canonicalise,
      `g (float[2] x) => (float[2] y) <float r = {0.5}, bool no = {0}, bool yes = {1}> {
        a = Dropout (x)  b = Dropout (a, r, no)  c, m = Dropout (b, r, yes)  y = Relu (c)
      }`,
    ).toBecome(
      `g (float[2] x) => (float[2] y) <float r = {0.5}, bool yes = {1}> { c, m = Dropout (x, r, yes)  y = Relu (c) }`,
    )
  })

  it('the branch that an If never takes', () => {
    expectPass(
      canonicalise,
      `g (float[2, 3] x) => (float[2, 3] y) <int64 zero = {0}, int64 two = {2}> {
        s = Shape (x)  d = Gather (s, zero)  c = Equal (d, two)
        y = If (c) <
          then_branch = t () => (a) <float[3] k = {1, 2, 3}> { a = Add (x, k) },
          else_branch = e () => (b) { b = Squeeze (x) }>
      }`,
    ).toBecome('g (float[2, 3] x) => (float[2, 3] y) <float[3] k = {1, 2, 3}> { y = Add (x, k) }')
  })

  it('weights of branches move to the main graph, under names of their own', () => {
    const model = canonical(
      `<ir_version: 10, opset_import: ["" : 20]> g (float[2] x, bool c) => (float[2] y) {
        y = If (c) <
          then_branch = t () => (a) <float[2] "p.w" = {1, 2}> { a = Mul (x, "p.w") },
          else_branch = e () => (b) <float[2] "p.w" = {3, 4}> { b = Add (x, "p.w") }>
      }`,
    )
    expect([...model.graph.initializers].map((v) => v.name)).toEqual(['p.w', 'p.w_2'])
  })

  it('but not an If whose condition is open', () => {
    const program = `g (float[2] x, bool c) => (float[2] y) {
      y = If (c) <then_branch = t () => (a) { a = Neg (x) }, else_branch = e () => (b) { b = Abs (x) }>
    }`
    expectPass(canonicalise, program).toStay()
  })
})

describe('cached keys and values', () => {
  const DECODER = `g (int64[b, s] input_ids, int64[b, total] attention_mask, float[b, past, 2] "past_key_values.0.key")
    => (float[b, s, 3] logits, float[b, t, 2] "present.0.key") <float[4, 2] w = {1, 2, 3, 4, 5, 6, 7, 8}, float[2, 3] v = {1, 0, 2, 0, 1, 3}> {
      x = Gather (w, input_ids)
      "present.0.key" = Concat <axis = 1> ("past_key_values.0.key", x)
      m = Cast <to = 1> (attention_mask)
      sum = Einsum <equation = "bti,bt->bi"> ("present.0.key", m)
      two = Constant <value_ints = [1]> ()
      u = Unsqueeze (sum, two)
      h = Add (x, u)
      logits = MatMul (h, v)
    }`

  it('start empty', async () => {
    const ctx = contextOf(parseModel(DECODER))
    for (const pass of [canonicalise, inferTypes, foldConstants]) pass.run(ctx)
    const { graph } = ctx.model
    expect(graph.inputs.map((v) => `${v.name}: ${formatType(v.type)}`)).toEqual([
      'input_ids: int64[b, s]',
      'attention_mask: int64[b, s]',
    ])
    expect(graph.outputs.map((v) => v.name)).toEqual(['logits'])
    expect(opsOf(ctx.model)).not.toContain('Concat')
    expect(ctx.notes).toEqual([
      'the cache inputs (past_key_values.0.key) are gone: training starts from an empty cache',
    ])
    const feeds = { input_ids: feed('int64', [1, 2], [3, 1]), attention_mask: feed('int64', [1, 2], [1, 1]) }
    const source = await runModel(parseModel(DECODER), {
      ...feeds,
      'past_key_values.0.key': feed('float32', [1, 0, 2], []),
    })
    expect((await runModel(ctx.model, feeds)).logits).toEqual(source.logits)
  })

  it('of a merged decoder take the branch without them', () => {
    expectPass(
      canonicalise,
      `g (float[2] x, bool use_cache_branch) => (float[2] y) {
        y = If (use_cache_branch) <then_branch = t () => (a) { a = Neg (x) }, else_branch = e () => (b) { b = Abs (x) }>
      }`,
    ).toBecome('g (float[2] x) => (float[2] y) { y = Abs (x) }')
  })
})

describe('fused operators', () => {
  const scaled = (grad: OpDef['grad']): OpDef => ({
    infer: (node) => [{ type: node.input(0).type! }],
    grad,
    lower: (node, b) => [b.scale(node.input(0), 3)],
  })
  const PROGRAM = 'g (float[2] x) => (float[2] y) { a = com.microsoft.Triple (x)  y = Neg (a) }'

  it('without a gradient rule are taken apart', () => {
    const table = standardOps.with({ 'com.microsoft::Triple': scaled('none') })
    expect(opsOf(canonical(PROGRAM, table)).sort()).toEqual(['Mul', 'Neg'])
  })

  it('with one stay', () => {
    const table = standardOps.with({ 'com.microsoft::Triple': scaled(() => [null]) })
    expect(opsOf(canonical(PROGRAM, table))).toEqual(['com.microsoft::Triple', 'Neg'])
  })
})
